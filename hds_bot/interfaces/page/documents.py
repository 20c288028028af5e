"""The corpus as a table: what each document is, and how many of its passages the index holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from hds_bot.bot import HdsBot
from hds_bot.interfaces.page.markup import Html, tag
from hds_bot.interfaces.page.table import cell, row, table
from hds_bot.interfaces.page.wording import Words
from hds_bot.types import Document

MOST = 200
"""Documents shown."""
_COLUMNS = ("title", "publisher", "authority", "status", "date", "language", "passages")


def show(documents: Sequence[Document], bot: HdsBot, say: Words) -> None:
    """Show the documents as they lie in the corpus, in order of title."""
    held = {entry.id: entry.after - entry.first for entry in bot.documents()}
    shown = sorted(documents, key=lambda document: (document.title, document.id))[:MOST]
    columns = [say(f"document.{name}") for name in _COLUMNS]
    rows = (row(document.title, *_cells(document, held, say)) for document in shown)
    st.html(tag("h2", say("corpus.title"), id="corpus"))
    st.html(table(columns, rows, kind="hds-documents"))
    if len(documents) > MOST:
        st.html(tag("p", say("corpus.more", count=len(documents) - MOST), class_="hds-hint"))


def _cells(document: Document, held: Mapping[str, int], say: Words) -> Iterator[Html]:
    told = {
        "publisher": document.publisher,
        "authority": say(f"authority.{document.authority}"),
        "status": say(f"status.{document.status}"),
        "date": document.date,
        "language": say(f"language.{document.language}"),
        "passages": str(held.get(document.id, say("corpus.not_indexed"))),
    }
    return (cell(value or "—", column=say(f"document.{name}")) for name, value in told.items())
