"""PDF with text: the page of each passage, headings by outline or size, running titles left out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from hds_bot.corpus.content import Content
from hds_bot.corpus.limits import MAX_PAGES, Deadline
from hds_bot.corpus.readers.pdf_layout import NUMBERED, Line, bare_title, lay_out, white
from hds_bot.errors import CorpusError

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

# PDFium keeps global state, so two threads must not be in it at once.
_ONE_AT_A_TIME = threading.Lock()
_HYPHEN_AT_LINE_END = 0x02
_LINE_END = (0x0A, 0x0D, _HYPHEN_AT_LINE_END)
_NO_CHARACTER = (0x00, 0xFFFE, 0xFFFF)
_SMALLEST_SEEN = 2.0
"""Points: what is printed smaller is there to be found, not read."""


def read_pdf(data: bytes, where: str) -> Content:
    """Text of every page in reading order; a page without text, as a scan, adds none."""
    if b"%%EOF" not in data[-2048:]:
        raise CorpusError(
            "the PDF is cut short: its end is missing", where=where, next_step="download or export it again"
        )
    with _ONE_AT_A_TIME, _open(data, where) as document:
        pages = list(_pages(document, where))
        outline = dict(_outline(document))
    content = lay_out(pages, outline)
    if not content.text.strip():
        raise CorpusError(
            "the PDF has no text: its pages are images, as a scanner makes them",
            where=where,
            next_step="run it through text recognition first, for instance ocrmypdf",
        )
    return content


def _open(data: bytes, where: str) -> PdfDocument:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(data)
        document.get_page_size(0)
    except PdfiumError as error:
        locked = "password" in str(error).lower() or b"/Encrypt" in data
        raise CorpusError(
            "the PDF is protected by a password" if locked else "not a whole PDF: damaged or cut short",
            where=where,
            next_step="save a copy without password" if locked else "download or export it again",
        ) from error
    if len(document) > MAX_PAGES:
        raise CorpusError(
            f"{len(document)} pages, more than the {MAX_PAGES} allowed",
            where=where,
            next_step="cut the document in parts",
        )
    return document


def _pages(document: PdfDocument, where: str) -> Iterator[list[Line]]:
    from pypdfium2 import PdfiumError

    deadline = Deadline(where)
    for index in range(len(document)):
        deadline.check()
        try:
            yield list(_lines(document[index]))
        except PdfiumError as error:
            raise CorpusError(
                f"page {index + 1} is damaged", where=where, next_step="download or export it again"
            ) from error


def _outline(document: PdfDocument) -> Iterator[tuple[tuple[int, str], int]]:
    """Yield ((page, bare title), level) of each bookmark that leads to a page."""
    for bookmark in document.get_toc(max_depth=6):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        if page is not None:
            yield (page, bare_title(bookmark.get_title())), bookmark.level + 1


class _Span(NamedTuple):
    start: int
    end: int
    hyphen: bool


def _lines(page: PdfPage) -> Iterator[Line]:
    from pypdfium2 import raw

    width, height = page.get_size()
    characters = page.get_textpage()
    codes = [raw.FPDFText_GetUnicode(characters, index) for index in range(characters.count_chars())]
    for span in _spans(codes):
        line = _line(characters, codes, span, page_height=height)
        if line and line.right >= 0 <= line.top and line.left <= width and line.bottom <= height:
            yield line


def _spans(codes: list[int]) -> Iterator[_Span]:
    start = 0
    for index, code in enumerate(codes):
        if code in _LINE_END:
            yield _Span(start, index, code == _HYPHEN_AT_LINE_END)
            start = index + 1
    yield _Span(start, len(codes), False)


def _line(characters: PdfTextPage, codes: list[int], span: _Span, *, page_height: float) -> Line | None:
    seen = [
        i
        for i in range(span.start, span.end)
        if codes[i] not in _NO_CHARACTER and not chr(codes[i]).isspace()
    ]
    if not seen:
        return None
    # The middle character, as a bullet or a note mark at either end has a font of its own.
    middle = seen[len(seen) // 2]
    if (size := _font_size(characters, middle)) < _SMALLEST_SEEN:
        return None
    left, right = _box(characters, seen[0]).left, _box(characters, seen[-1]).right
    bottom = _box(characters, middle).bottom
    text = _text(characters, codes, seen, size)
    return Line(text, left, right, bottom + size, bottom, page_height, span.hyphen)


def _text(characters: PdfTextPage, codes: list[int], seen: list[int], size: float) -> str:
    """Characters of a line, with marks where the white between two words is as wide as in a table."""
    text = chr(codes[seen[0]])
    for before, after in pairwise(seen):
        if after - before > 1:
            gap = (_box(characters, after).left - _box(characters, before).right) / size
            text += " " if NUMBERED.fullmatch(text) else white(gap)
        text += chr(codes[after])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float


def _box(characters: PdfTextPage, index: int) -> _Box:
    return _Box(*characters.get_charbox(index, loose=True))


def _font_size(characters: PdfTextPage, index: int) -> float:
    """Points as printed: the font's size times the scale that the page applies to it."""
    from pypdfium2 import raw

    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(characters, index, matrix)
    return float(raw.FPDFText_GetFontSize(characters, index) * math.hypot(matrix.c, matrix.d))
