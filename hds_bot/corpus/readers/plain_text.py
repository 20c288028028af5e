"""Plain text: paragraphs as they stand."""

from __future__ import annotations

from hds_bot.corpus.content import Content, ContentBuilder
from hds_bot.corpus.decoding import decode


def read_plain_text(data: bytes, where: str) -> Content:
    """One section holding the whole text; a list is any run of lines that begin with a list mark."""
    builder = ContentBuilder()
    builder.paragraph(decode(data, where))
    return builder.content()
