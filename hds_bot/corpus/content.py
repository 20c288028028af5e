"""What a reader hands over, and the builder that lays it out in the one shape the splitter knows.

Blocks are parted by a blank line; a list item is a line "• item" (or "1. item"), two spaces deeper for
each level; a table is its header line and one item a row, cells parted by " | ". A section is the text
between its heading and the next, the headings themselves left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hds_bot.corpus.normalising import clean_block, clean_line
from hds_bot.types import Section

Metadata = Mapping[str, str | tuple[str, ...]]
BULLET = "•"
CELL = " | "
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Content:
    """A document as its reader understands it: normalised text, sections, pages, its own metadata."""

    text: str
    sections: tuple[Section, ...]
    pages: tuple[int, ...] = ()
    metadata: Metadata = field(default_factory=dict)


class ContentBuilder:
    """Takes headings, paragraphs, items and tables in reading order; normalises each and keeps its place."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._outline: list[tuple[int, str]] = []
        self._sections: list[Section] = []
        self._start: int | None = None
        self._pages: list[int] = []

    def heading(self, level: int, text: str) -> None:
        """Begin the section of this heading, which ends those of the same level and below."""
        if not (title := clean_line(text)):
            return
        self._close()
        self._outline = [higher for higher in self._outline if higher[0] < level] + [(level, title)]
        self._append(title, gap="\n\n")
        self._start = None

    def leave_sections(self) -> None:
        """Go back to the document itself: what follows belongs to no heading."""
        self._close()
        self._outline = []

    def paragraph(self, text: str) -> None:
        """Add a block, its line ends kept."""
        self._append(clean_block(text), gap="\n\n")

    def item(self, text: str, *, depth: int = 0, mark: str | None = None) -> None:
        """Add a list item on its own line; the mark is a bullet unless given, as "1."."""
        if line := clean_line(text):
            self._append(f"{_INDENT * depth}{mark or BULLET} {line}", gap="\n")

    def more_of_item(self, text: str, *, depth: int = 0) -> None:
        """Add a further paragraph of the last item."""
        if line := clean_line(text):
            self._append(_INDENT * (depth + 1) + line, gap="\n")

    def carry_on(self, text: str, *, gap: str = " ") -> None:
        """Add to the last block, as where a page ends inside it."""
        self._append(text, gap=gap)

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Add a table: its first row as a line, each other row as an item."""
        lines = [clean_line(CELL.join(row)) for row in rows if any(map(clean_line, row))]
        self._append("\n".join(lines[:1] + [f"{BULLET} {line}" for line in lines[1:]]), gap="\n\n")

    def page(self) -> None:
        """Begin a page."""
        self._pages.append(self._length)

    def content(self, metadata: Metadata | None = None) -> Content:
        """Everything taken in so far."""
        self._close()
        return Content("".join(self._parts), tuple(self._sections), tuple(self._pages), metadata or {})

    def _append(self, text: str, *, gap: str) -> None:
        if not text:
            return
        for part in (gap if self._length else "", text):
            self._parts.append(part)
            self._length += len(part)
        if self._start is None:
            self._start = self._length - len(text)

    def _close(self) -> None:
        start = self._length if self._start is None else self._start
        path = tuple(title for _, title in self._outline)
        if path or start < self._length:
            self._sections.append(Section(path, start, self._length))
        self._start = None
