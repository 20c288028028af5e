"""Word documents (DOCX): headings by style, lists by numbering, tables; no headers, footnotes or comments."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hds_bot.corpus.content import Content, ContentBuilder
from hds_bot.corpus.limits import MAX_EXPANDED
from hds_bot.errors import CorpusError

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from lxml.etree import _Element as Element

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MAX_DEPTH = 8
_HEADING = re.compile(r"heading ([1-9])")


def _tag(name: str) -> str:
    return _WORD + name


_LETTERS = {_tag("tab"): " ", _tag("br"): "\n", _tag("cr"): "\n", _tag("noBreakHyphen"): "-"}
# What holds paragraphs without being one: content controls, tracked insertions, custom markup.
_WRAPPERS = [*map(_tag, ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"))]
# What is no text: what tracking deleted, properties, the copy of a text box kept for old programs.
_GONE = [*map(_tag, ("del", "moveFrom", "pPr", "rPr", "sdtPr", "tabs")), _FALLBACK]


def read_docx(data: bytes, where: str) -> Content:
    """Headings, paragraphs, list items and tables in reading order, deleted and hidden text left out."""
    import docx

    builder = ContentBuilder()
    try:
        expanded = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(data)).infolist())
        if expanded <= MAX_EXPANDED:
            document = docx.Document(io.BytesIO(data))
            _Walk(document, builder).blocks(document.element.body)
    except Exception as error:  # A damaged file breaks the libraries in more ways than they name.
        raise CorpusError(
            "not a whole Word document: damaged, cut short or protected by a password",
            where=where,
            next_step="open it in a word processor and save it again as .docx",
        ) from error
    if expanded > MAX_EXPANDED:
        raise CorpusError(
            f"it unpacks to {expanded / 2**20:.0f} MB, more than the {MAX_EXPANDED // 2**20} MB allowed",
            where=where,
            next_step="remove its images, or save its text as Markdown",
        )
    return builder.content()


class _Walk:
    """Takes the body of a Word document to a builder."""

    def __init__(self, document: WordDocument, builder: ContentBuilder) -> None:
        self._builder = builder
        self._styles = _Styles(document)
        self._numbers = _Numbers(document)

    def blocks(self, parent: Element) -> None:
        """Add every paragraph and table below an element, in order."""
        for child in _children(parent, "p", "tbl"):
            if child.tag == _tag("p"):
                self._paragraph(child)
            else:
                self._builder.table(_rows(child))

    def _paragraph(self, element: Element) -> None:
        text = "".join(_letters(element))
        properties = [element.find(_tag("pPr")), *self._styles.properties(element)]
        if level := self._styles.heading_level(element):
            self._builder.heading(level, text)
        elif (place := _list_place(properties)) and text.strip():
            self._builder.item(text, depth=place[1], mark=self._numbers.next(*place))
        else:
            self._builder.paragraph("\n".join(line.strip() for line in text.split("\n")))


class _Styles:
    """Paragraph styles with those they are based on."""

    def __init__(self, document: WordDocument) -> None:
        self._styles = {
            style.get(_tag("styleId")): style for style in document.styles.element.iter(_tag("style"))
        }

    def heading_level(self, paragraph: Element) -> int | None:
        """1 to 9, the title counting as 1; None for a paragraph of text."""
        for style in self._chain(paragraph):
            name = _value(style.find(_tag("name"))).lower()
            if found := _HEADING.fullmatch(name):
                return int(found[1]) + 1
            if name == "title":
                return 1
        return None

    def properties(self, paragraph: Element) -> list[Element | None]:
        """Paragraph properties of its style and the styles below, nearest first."""
        return [style.find(_tag("pPr")) for style in self._chain(paragraph)]

    def _chain(self, paragraph: Element) -> Iterator[Element]:
        name, seen = _value(paragraph.find(f"{_tag('pPr')}/{_tag('pStyle')}")), set[str]()
        while name in self._styles and name not in seen:
            seen.add(name)
            yield self._styles[name]
            name = _value(self._styles[name].find(_tag("basedOn")))


class _Numbers:
    """Counts the items of numbered lists, which the document leaves to whoever shows it."""

    def __init__(self, document: WordDocument) -> None:
        related = (
            part.target_part for part in document.part.rels.values() if part.reltype.endswith("/numbering")
        )
        part = next(related, None)
        self._root = part.element if part is not None else None
        self._counts: Counter[tuple[str, int]] = Counter()

    def next(self, number_id: str, depth: int) -> str | None:
        """Give the mark of the next item: "3.", or None where its list is not counted in figures."""
        if self._format(number_id, depth) != "decimal":
            return None
        self._counts[number_id, depth] += 1
        for deeper in range(depth + 1, _MAX_DEPTH + 1):
            self._counts[number_id, deeper] = 0
        return f"{self._counts[number_id, depth]}."

    def _format(self, number_id: str, depth: int) -> str:
        link = self._find("num", "numId", number_id)
        abstract = "" if link is None else _value(link.find(_tag("abstractNumId")))
        levels = self._find("abstractNum", "abstractNumId", abstract)
        path = f"{_tag('lvl')}[@{_tag('ilvl')}='{depth}']/{_tag('numFmt')}"
        return "" if levels is None else _value(levels.find(path))

    def _find(self, tag: str, key: str, value: str) -> Element | None:
        found = () if self._root is None else self._root.iterchildren(_tag(tag))
        return next((element for element in found if element.get(_tag(key)) == value), None)


def _list_place(properties: list[Element | None]) -> tuple[str, int] | None:
    """Give the list and the depth that the nearest numbering names; None outside lists."""
    for numbering in (entry.find(_tag("numPr")) for entry in properties if entry is not None):
        if numbering is not None and (number_id := _value(numbering.find(_tag("numId")))):
            depth = int(_value(numbering.find(_tag("ilvl"))) or 0)
            return (number_id, min(depth, _MAX_DEPTH)) if number_id != "0" else None
    return None


def _rows(table: Element) -> Iterator[list[str]]:
    for row in _children(table, "tr"):
        yield ["".join(_letters(cell)) for cell in _children(row, "tc")]


def _children(parent: Element, *names: str) -> Iterator[Element]:
    for child in parent:
        if child.tag in map(_tag, names):
            yield child
        elif child.tag in _WRAPPERS:
            yield from _children(child, *names)


def _letters(element: Element) -> Iterator[str]:
    """Yield what is visible of an element, piece by piece; a paragraph inside another begins a line."""
    for child in element:
        if child.tag == _tag("t"):
            yield child.text or ""
        elif child.tag in _LETTERS:
            yield _LETTERS[child.tag]
        elif child.tag not in _GONE and not _is_hidden(child):
            yield from _letters(child)
            yield "\n" if child.tag == _tag("p") else ""


def _is_hidden(run: Element) -> bool:
    mark = run.find(f"{_tag('rPr')}/{_tag('vanish')}")
    return mark is not None and _value(mark) not in ("0", "false")


def _value(element: Element | None) -> str:
    return "" if element is None else element.get(_tag("val")) or ""
