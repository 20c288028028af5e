"""Lines of a PDF to headings, paragraphs, items and tables, by where they stand and how tall they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from typing import NamedTuple

from hds_bot.corpus.content import CELL, Content, ContentBuilder
from hds_bot.corpus.normalising import clean_line
from hds_bot.corpus.quotes import fold

# Shares of a page's height, at either end, where running titles and page numbers stand.
_MARGIN = 0.12
# Beside the body's size, from where on a line is a heading.
_TALLER = 1.15
_LONGEST_HEADING = 200
# White in font sizes: between words, more than justified text leaves, and the least between cells;
# between lines, the most inside a paragraph and inside a table.
_SURE_CELL_GAP, _LEAST_CELL_GAP = 2.0, 0.8
_WIDEST_GAP, _GAP_IN_TABLE = 1.0, 2.0
_LONGEST_NOISE = 300

NUMBERED = re.compile(r"[•▪◦‣–\uf0a7-\uf0d8-]|\(?(?:[\divxIVX]+[.)])+\d*|\(?[a-zA-Z]\)|\d+(?:\.\d+)+")
_ITEM = re.compile(r"(?P<mark>[•▪◦‣–-]|\d{1,3}[.)]) (?P<text>.+)", re.DOTALL)
_PAGE_NUMBER = re.compile(r"\W*(?:page\W*)?\d+(?:\W+(?:(?:sur|of|de)\W+)?\d+)?\W*", re.IGNORECASE)
_CONTENTS_ENTRY = re.compile(r".*?\.[. ]{8,}\d*")
_LEADING_NUMBER = re.compile(r"\d+(?:[.)]\d+)*[.)]? ")
_SENTENCE_OVER = re.compile(r".*[.!?:;…»”)]")
_WORD = re.compile(r"\w+(?:-\w+)*")
_LAST_WORD = re.compile(r"\w+(?:-\w+)*$")
# Halves of French compounds, for those that a document has only once, cut at their own hyphen.
_BEFORE_HYPHEN = re.compile("ayant|demi|ex|médico|non|peut|quasi|rendez|semi|sous|vis")
_AFTER_HYPHEN = re.compile("ci|delà|dessous|dessus|dire|elles?|ils?|là|mêmes?|on|vous")


class Line(NamedTuple):
    """A line of a page, in points from the bottom left; `hyphen` where its last word goes on below."""

    text: str
    left: float
    right: float
    top: float
    bottom: float
    page_height: float
    hyphen: bool

    @property
    def height(self) -> float:
        """Size of its font, in points."""
        return self.top - self.bottom


def white(gap: float) -> str:
    """Text for white of this width in font sizes: a space, a cell mark, or a tab where either may be."""
    return CELL if gap > _SURE_CELL_GAP else "\t" if gap > _LEAST_CELL_GAP else " "


class _Placed(NamedTuple):
    page: int
    line: Line


def lay_out(pages: list[list[Line]], outline: Mapping[tuple[int, str], int]) -> Content:
    """Give the content of a PDF: its lines page by page, and the level of each (page, `bare_title`)."""
    running = _running_titles(pages)
    placed = [
        _Placed(page, line)
        for page, lines in enumerate(pages)
        for line in lines
        if not _is_noise(line, running)
    ]
    placed = _with_narrow_cells(placed)
    writer = _Writer(placed, outline)
    for block in _blocks(placed):
        writer.write(block)
    return writer.finish(len(pages))


# -- what is no text ----------------------------------------------------------------------


def _running_titles(pages: list[list[Line]]) -> set[str]:
    """Lines that stand at the edge of two pages near each other, their figures aside."""
    edges = [{_key(line) for line in lines if _at_edge(line)} for lines in pages]
    near = ((one, other) for step in (1, 2) for one, other in zip(edges, edges[step:], strict=False))
    return {key for one, other in near for key in one & other}


def _is_noise(line: Line, running: set[str]) -> bool:
    if len(line.text) > _LONGEST_NOISE:
        return False
    if _CONTENTS_ENTRY.fullmatch(line.text):
        return True
    return _at_edge(line) and (_key(line) in running or bool(_PAGE_NUMBER.fullmatch(line.text)))


def _at_edge(line: Line) -> bool:
    margin = _MARGIN * line.page_height
    return line.bottom < margin or line.top > line.page_height - margin


def bare_title(title: str) -> str:
    """Fold a heading and take off its number, which an outline may lack."""
    return _LEADING_NUMBER.sub("", fold(clean_line(title)))


def _key(line: Line) -> str:
    return re.sub(r"\d+", "#", fold(line.text))


def _with_narrow_cells(placed: list[_Placed]) -> list[_Placed]:
    """Settle the tabs: between cells where a line beside has cells, between words elsewhere."""
    settled = []
    for i, entry in enumerate(placed):
        beside = any(CELL in near.line.text for near in placed[max(0, i - 1) : i + 2])
        text = entry.line.text.replace("\t", CELL if beside else " ")
        settled.append(entry._replace(line=entry.line._replace(text=text)))
    return settled


# -- blocks -------------------------------------------------------------------------------


def _blocks(placed: list[_Placed]) -> Iterator[list[_Placed]]:
    """Part the lines where one stands apart from the one before."""
    usual_gap = _usual_gap(placed)
    block: list[_Placed] = []
    for entry in placed:
        if block and (_begins_block(block[-1], entry, usual_gap) or _leaves_item(block[0], entry)):
            yield block
            block = []
        block.append(entry)
    if block:
        yield block


def _usual_gap(placed: list[_Placed]) -> float:
    gaps = Counter(round(_gap(one, other), 1) for one, other in pairwise(placed) if one.page == other.page)
    within = {gap: count for gap, count in gaps.items() if gap >= 0}
    return min(max(within, key=within.__getitem__, default=0.0), _WIDEST_GAP)


def _gap(before: _Placed, after: _Placed) -> float:
    """White between two lines, in heights of the first."""
    return (before.line.bottom - after.line.top) / before.line.height


def _begins_block(before: _Placed, after: _Placed, usual_gap: float) -> bool:
    if before.line.hyphen:
        return False
    if CELL in before.line.text and CELL in after.line.text:
        return before.page == after.page and _gap(before, after) > _GAP_IN_TABLE
    if _ITEM.match(clean_line(after.line.text)) or CELL in before.line.text + after.line.text:
        return True
    if not 1 / _TALLER < after.line.height / before.line.height < _TALLER:
        return True
    if before.page != after.page or _gap(before, after) < -1:
        return before.line.text.endswith((".", "!", "?", "…")) or not after.line.text[:1].islower()
    return _gap(before, after) > usual_gap + 0.3 or _ends_short(before, after)


def _leaves_item(first: _Placed, after: _Placed) -> bool:
    """Tell a line that goes back to the margin from one that goes on an item under its text."""
    if first.page != after.page or not (found := _ITEM.match(clean_line(first.line.text))):
        return False
    return after.line.left < first.line.left + (-1 if found["mark"][0].isdigit() else 1)


def _ends_short(before: _Placed, after: _Placed) -> bool:
    short = before.line.right < after.line.right - 3 * after.line.height
    return short and bool(_SENTENCE_OVER.fullmatch(before.line.text))


# -- to the builder -----------------------------------------------------------------------


class _Writer:
    """Takes blocks to a builder, turning its pages on the way."""

    def __init__(self, placed: list[_Placed], outline: Mapping[tuple[int, str], int]) -> None:
        self._builder = ContentBuilder()
        self._page = -1
        self._outline = outline
        self._levels = _levels_by_height(placed)
        self._words = _words(placed)

    def write(self, block: list[_Placed]) -> None:
        """Add a block as what it looks like."""
        first = block[0]
        self._turn_to(first.page)
        if CELL in first.line.text:
            self._builder.table(entry.line.text.split(CELL) for entry in block)
            return
        text = self._join(block)
        if level := self._heading_level(first, text):
            self._builder.heading(level, text)
        else:
            self._flow(block)

    def finish(self, pages: int) -> Content:
        """Turn the pages that remain and hand over the content."""
        self._turn_to(pages - 1)
        return self._builder.content()

    def _flow(self, block: list[_Placed]) -> None:
        pages = [list(entries) for _, entries in groupby(block, key=lambda entry: entry.page)]
        texts = [self._join(entries) for entries in pages]
        if found := _ITEM.fullmatch(clean_line(texts[0])):
            self._builder.item(found["text"], mark=found["mark"] if found["mark"][0].isdigit() else None)
        else:
            self._builder.paragraph(clean_line(texts[0]))
        for before, entries, text in zip(pages, pages[1:], texts[1:], strict=False):
            self._turn_to(entries[0].page)
            self._builder.carry_on(clean_line(text), gap="" if before[-1].line.hyphen else " ")

    def _turn_to(self, page: int) -> None:
        for _ in range(self._page, page):
            self._builder.page()
        self._page = max(page, self._page)

    def _heading_level(self, first: _Placed, text: str) -> int | None:
        if len(text) > _LONGEST_HEADING or not any(map(str.isalpha, text)):
            return None
        if self._outline:
            return self._outline.get((first.page, bare_title(text)))
        return self._levels.get(_rounded(first.line))

    def _join(self, block: list[_Placed]) -> str:
        """Make one line of several, and words cut at a line's end whole again."""
        text = ""
        for entry, following in zip(block, [*block[1:], None], strict=True):
            text += entry.line.text
            if not entry.line.hyphen:
                text += " "
            elif following:
                text += self._hyphen(_LAST_WORD.search(entry.line.text), _WORD.match(following.line.text))
        return text.strip()

    def _hyphen(self, before: re.Match[str] | None, after: re.Match[str] | None) -> str:
        """Give the hyphen of a compound word; "" where the hyphen only marked the cut."""
        first, second = before[0] if before else "", after[0] if after else ""
        if f"{first}{second}" in self._words:
            return ""
        known = _BEFORE_HYPHEN.fullmatch(first) or _AFTER_HYPHEN.fullmatch(second)
        return "-" if known or f"{first}-{second}" in self._words else ""


def _words(placed: list[_Placed]) -> set[str]:
    return {word for entry in placed for word in _WORD.findall(entry.line.text)}


def _levels_by_height(placed: list[_Placed]) -> dict[float, int]:
    """Levels of the heights that stand out, the tallest first; the body is where most characters are."""
    letters: Counter[float] = Counter()
    for entry in placed:
        letters[_rounded(entry.line)] += len(entry.line.text)
    body = max(letters, key=letters.__getitem__, default=0.0)
    tall = sorted((height for height in letters if height >= body * _TALLER), reverse=True)
    return {height: min(rank, 6) for rank, height in enumerate(tall, 1)}


def _rounded(line: Line) -> float:
    return round(line.height * 2) / 2
