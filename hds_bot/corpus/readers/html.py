"""Web pages: the article, without menus, scripts and whatever a reader of the page would not see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hds_bot.corpus.content import Content, ContentBuilder, Metadata
from hds_bot.corpus.decoding import decode
from hds_bot.corpus.limits import refuse_too_much_markup
from hds_bot.corpus.normalising import clean_line
from hds_bot.errors import CorpusError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = ("ul", "ol", "menu")
_INLINE = re.compile(
    "a|abbr|acronym|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|s|samp|small|span|strike"
    "|strong|sub|sup|time|tt|u|var|wbr"
)
_NOT_TEXT = re.compile(
    "applet|audio|button|canvas|datalist|dialog|frameset|head|iframe|map|math|noscript|object|optgroup|option"
    "|progress|script|select|style|svg|template|textarea|title|video"
)
_AROUND_THE_ARTICLE = re.compile("aside|footer|header|nav|search")
_ROLE_AROUND = re.compile("banner|complementary|contentinfo|dialog|menu|menubar|navigation|search|toolbar")
_UNSEEN_STYLE = re.compile(
    r"display:none|visibility:(hidden|collapse)|opacity:0(\.0*)?(;|!|$)|font-size:0[a-z%]*(;|!|$)"
)
_UNSEEN_CLASS = re.compile(r"\b(sr-only|visually-?hidden|screen-reader-text)\b")
_MAIN = ("//main", "//*[@role='main']", "//article[count(//article)=1]", "//body")
_DECLARED = re.compile(rb"<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)")


def read_html(data: bytes, where: str) -> Content:
    """Headings, paragraphs, lists and tables of the main part of a page, in its declared encoding."""
    refuse_too_much_markup(data, where)
    declared = _DECLARED.search(data, 0, 2048)
    page = _parse(decode(data, where, declared=declared[1].decode() if declared else ""), where)
    builder = ContentBuilder()
    if page is not None:
        _Walk(builder).block(_main_part(page))
    return builder.content({} if page is None else _metadata(page))


def add_markup(markup: str, builder: ContentBuilder, where: str) -> None:
    """Add what a reader would see of a fragment of HTML."""
    if (page := _parse(markup, where)) is not None:
        _Walk(builder).block(page)


def visible_text(markup: str, where: str) -> str:
    """Text that a reader would see of a fragment of HTML, its line breaks kept."""
    page = _parse(markup, where)
    return "" if page is None else _visible(page)


def _parse(markup: str, where: str) -> HtmlElement | None:
    from lxml import etree, html

    # Encoded again so that a declaration inside, by now untrue, is not obeyed.
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        page = html.document_fromstring(markup.encode(), parser=parser)
    except etree.ParserError:
        return None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise CorpusError(
            "elements nested too deep, or one too long, to be read whole",
            where=where,
            next_step="save the article alone, or convert it to Markdown",
        )
    return page


def _main_part(page: HtmlElement) -> HtmlElement:
    found = (element for query in _MAIN for element in page.xpath(query) if _is_visible(element))
    return next(found, page)


def _metadata(page: HtmlElement) -> Metadata:
    language = (page.get("lang") or "")[:2].lower()
    title = clean_line(page.findtext(".//title") or "") if page.find(".//h1") is None else ""
    own = {"language": language if language in ("fr", "en") else "", "title": title}
    return {key: value for key, value in own.items() if value}


class _Walk:
    """Carries what stands between two block elements to the builder as a paragraph."""

    def __init__(self, builder: ContentBuilder) -> None:
        self._builder = builder
        self._run: list[str] = []

    def block(self, element: HtmlElement) -> None:
        """Add an element and all below it as blocks of their own."""
        self._end_paragraph()
        self._inside(element)
        self._end_paragraph()

    def _inside(self, element: HtmlElement) -> None:
        self._run.append(_flow(element.text))
        for child in element:
            if _is_visible(child) and not _AROUND_THE_ARTICLE.fullmatch(child.tag):
                self._child(child)
            self._run.append(_flow(child.tail))

    def _child(self, child: HtmlElement) -> None:
        if child.tag == "br":
            self._run.append("\n")
        elif _INLINE.fullmatch(child.tag) and not _holds_blocks(child):
            self._run.append(_visible(child))
        elif child.tag in _HEADINGS:
            self._end_paragraph()
            self._builder.heading(_HEADINGS[child.tag], _visible(child))
        elif child.tag in _LISTS:
            self._end_paragraph()
            self._list(child, depth=0)
        elif child.tag == "table" and _is_data_table(child):
            self._end_paragraph()
            self._builder.table([_visible(cell) for cell in row.iter("th", "td")] for row in child.iter("tr"))
        else:
            self.block(child)

    def _list(self, element: HtmlElement, *, depth: int) -> None:
        items = [item for item in element if item.tag == "li" and _is_visible(item)]
        for number, item in enumerate(items, _first_number(element)):
            mark = f"{number}." if element.tag == "ol" else None
            self._builder.item(_visible(item, without=_LISTS), depth=depth, mark=mark)
            for inner in item.iterchildren(*_LISTS):
                self._list(inner, depth=depth + 1)

    def _end_paragraph(self) -> None:
        lines = (clean_line(line) for line in "".join(self._run).split("\n"))
        self._builder.paragraph("\n".join(filter(None, lines)))
        self._run = []


def _flow(text: str | None) -> str:
    """Text between tags, where a line end is but a space."""
    return " ".join(re.split(r"\s+", text)) if text else ""


def _visible(element: HtmlElement, *, without: tuple[str, ...] = ()) -> str:
    parts = [_flow(element.text)]
    for child in element:
        if child.tag == "br":
            parts.append("\n")
        elif _is_visible(child) and child.tag not in without:
            inner = _visible(child, without=without)
            parts.append(inner if _INLINE.fullmatch(child.tag) else f"\n{inner}\n")
        parts.append(_flow(child.tail))
    return "".join(parts)


def _is_visible(element: HtmlElement) -> bool:
    style = re.sub(r"\s+", "", element.get("style") or "").lower()
    return not (
        _NOT_TEXT.fullmatch(element.tag)
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or _ROLE_AROUND.fullmatch(element.get("role") or "")
        or _UNSEEN_STYLE.search(style)
        or _UNSEEN_CLASS.search(element.get("class") or "")
    )


def _holds_blocks(element: HtmlElement) -> bool:
    return any(inner.tag != "br" and not _INLINE.fullmatch(inner.tag) for inner in element.iterdescendants())


def _is_data_table(table: HtmlElement) -> bool:
    """Tell a table of data from one that only lays out the page."""
    return (
        table.get("role") != "presentation"
        and table.find(".//table") is None
        and len(table.findall(".//tr")) > 1
    )


def _first_number(element: HtmlElement) -> int:
    start = element.get("start") or ""
    return int(start) if start.isdecimal() and len(start) < 4 else 1
