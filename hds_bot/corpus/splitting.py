"""A document to passages: exact slices, small enough to cite and complete enough to be understood."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from hds_bot.types import Document, Passage, Section

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

_ITEM = r"[ \t]*(?:[•‣◦▪–*-]|\(?(?:\d{1,3}|[a-z])[.)])[ \t]+\S"
# A full stop after an initial, or after one of the abbreviations of legal French, ends nothing.
_NOT_AFTER = "".join(rf"(?<!\b{word}\.)" for word in ("[A-ZÉ]", "[Aa]rt", "al", "cf", "ex", "p", "n"))
_SENTENCE_END = rf"(?<=[.!?…]){_NOT_AFTER}(?:\s*[»”\"')\]])*\s+"
_LAST_SENTENCE_BEFORE_LIST = rf"[^.!?…\n]*(?:\n[^.!?…\n]+)*\n+{_ITEM}"
# From the boundary that says most to the one that says least.
_BOUNDARIES = (
    rf"\n{{2,}}(?![ \t]|{_ITEM})",
    rf"{_SENTENCE_END}(?={_LAST_SENTENCE_BEFORE_LIST})",
    rf"\n+(?={_ITEM})",
    r"\n{2,}",
    _SENTENCE_END,
    r"\n",
    r"[;:,]\s+",
    r"\s+",
)
_LIST = re.compile(rf"^{_ITEM}.*?(?=\n{{2,}}(?![ \t]|{_ITEM})|\Z)", re.DOTALL | re.MULTILINE)
# A section in more pieces than this has no tail short enough to mind.
_FEW = 8


def split(document: Document, *, max_chars: int = 600) -> tuple[Passage, ...]:
    """Cut each section at its blocks, then list items, then sentences, and pack the neighbours that fit.

    Every passage is `document.text[start:end]`, at most `max_chars` characters of one section; together
    they hold every visible character outside the headings, once and in order.
    """
    sections = document.sections or (Section((), 0, len(document.text)),)
    passages = (passage for section in sections for passage in _split_section(document, section, max_chars))
    return tuple(_number_twins(passages))


def _split_section(document: Document, section: Section, max_chars: int) -> Iterator[Passage]:
    body = document.text[section.start : section.end]
    lead_ins = _LeadIns(body, max_chars // 2)
    path = " > ".join((document.title, *section.path))
    end = 0
    for piece in _cut(body, max_chars):
        start, end = end, end + len(piece)
        if text := piece.strip():
            first = start + piece.index(text)
            context = "\n".join(filter(None, (path, lead_ins.at(first))))
            yield _passage(document, section, section.start + first, text, context)


def _passage(document: Document, section: Section, start: int, text: str, context: str) -> Passage:
    return Passage(
        id=_hash(document.id, context, text),
        document=document.id,
        title=document.title,
        section=section.path,
        text=text,
        start=start,
        end=start + len(text),
        page=bisect_right(document.pages, start) or None,
        context=context,
    )


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _number_twins(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Passages of one document that say the same under the same headings still need an id each."""
    seen: Counter[str] = Counter()
    for passage in passages:
        seen[passage.id] += 1
        nth = seen[passage.id]
        yield passage if nth == 1 else replace(passage, id=f"{passage.id}-{nth}")


# -- where to cut -------------------------------------------------------------------------


def _cut(body: str, max_chars: int) -> list[str]:
    """Pieces that joined give the body; evened out where that makes no more of them."""
    pieces = _pack(_splitter(max_chars).split_text(body), max_chars)
    if not 1 < len(pieces) < _FEW:
        return pieces
    even = min(max_chars, len(body) * 5 // (len(pieces) * 4))
    evener = _pack(_splitter(even).split_text(body), even)
    return evener if len(evener) <= len(pieces) else pieces


def _pack(pieces: list[str], max_chars: int) -> list[str]:
    packed = [""]
    for piece in pieces:
        if len((packed[-1] + piece).strip()) <= max_chars:
            packed[-1] += piece
        else:
            packed.append(piece)
    return packed


@lru_cache(maxsize=64)
def _splitter(max_chars: int) -> RecursiveCharacterTextSplitter:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    # The last resort cuts a word in halves of the limit; "", the library's own, takes quadratic time.
    endless_word = rf"\S{{{max(1, max_chars // 2)}}}"
    return RecursiveCharacterTextSplitter(
        separators=[*_BOUNDARIES, endless_word],
        is_separator_regex=True,
        keep_separator="end",
        strip_whitespace=False,
        chunk_size=max_chars,
        chunk_overlap=0,
    )


# -- lead-ins of lists --------------------------------------------------------------------


class _LeadIns:
    """The sentence before each list of a section, unless it is too long to repeat."""

    def __init__(self, body: str, longest: int) -> None:
        self._lists = [match.span() for match in _LIST.finditer(body)]
        self._body, self._longest = body, longest

    def at(self, offset: int) -> str:
        """Give the lead-in of the list that a passage begins in, and so doesn't hold itself."""
        nth = bisect_right(self._lists, offset, key=itemgetter(0)) - 1
        return self._before(self._lists[nth][0]) if nth >= 0 and offset < self._lists[nth][1] else ""

    def _before(self, start: int) -> str:
        paragraph = self._body[max(0, start - 2 * self._longest) : start].rstrip().rsplit("\n\n", 1)[-1]
        sentence = " ".join(re.split(_SENTENCE_END, paragraph)[-1].split())
        return sentence if len(sentence) <= self._longest else ""
