"""The registry of readers: one for each suffix, each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from hds_bot.corpus.content import Content
from hds_bot.corpus.readers.docx import read_docx
from hds_bot.corpus.readers.html import read_html
from hds_bot.corpus.readers.markdown import read_markdown
from hds_bot.corpus.readers.pdf import read_pdf
from hds_bot.corpus.readers.plain_text import read_plain_text

Reader = Callable[[bytes, str], Content]
"""Takes a file's bytes and its name for messages; raises `CorpusError` where they make no document."""

READERS: dict[str, Reader] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_plain_text,
    ".html": read_html,
    ".htm": read_html,
    ".docx": read_docx,
    ".pdf": read_pdf,
}
