"""How large a document may be before it is refused, so that one file can't stop a build."""

from __future__ import annotations

import time

from hds_bot.errors import CorpusError

MAX_BYTES = 50 * 1024 * 1024
"""Of a file as it lies in the corpus."""
MAX_MARKUP = 10 * 1024 * 1024
"""Of a file of Markdown or HTML, which takes fifty times its size in memory while it is parsed."""
MAX_METADATA = 20_000
"""Characters of front matter or of a side file."""
MAX_NESTING = 40
"""Levels of lists, quotes or elements inside one another."""
MAX_EXPANDED = 200 * 1024 * 1024
"""Bytes that an Office file may unpack to."""
MAX_PAGES = 2000
MAX_SECONDS = 120
"""To parse one PDF or Markdown file."""


def refuse_too_much_markup(data: bytes, where: str) -> None:
    """Raise `CorpusError` where a file of markup is over its limit."""
    if len(data) > MAX_MARKUP:
        raise CorpusError(
            f"{len(data) / 2**20:.0f} MB of markup, more than the {MAX_MARKUP // 2**20} MB allowed",
            where=where,
            next_step="cut the document in parts, or save it as plain text",
        )


class Deadline:
    """The end of the time that one document may take."""

    def __init__(self, where: str) -> None:
        self._end = time.monotonic() + MAX_SECONDS
        self._where = where

    def check(self) -> None:
        """Raise `CorpusError` once the time is over."""
        if time.monotonic() > self._end:
            raise CorpusError(
                f"reading it takes more than {MAX_SECONDS} seconds",
                where=self._where,
                next_step="cut the document in parts",
            )
