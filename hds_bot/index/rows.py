"""Documents and passages as rows of two tables, the same whatever engine holds them, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from hds_bot.types import Authority, Document, Passage, Section, Status

Row = tuple[Any, ...]
_DESCRIBED = [field.name for field in fields(Document) if field.name != "text"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as a filter sees it; its passages have the ordinals [first, after)."""

    id: str
    authority: Authority
    status: Status
    tags: tuple[str, ...]
    first: int
    after: int


def document_rows(documents: Sequence[Document], passages: Sequence[Passage]) -> Iterator[Row]:
    """Give (ordinal, id, authority, status, tags, first, after, described, text) of each document.

    Raises ValueError where the passages of a document do not follow one another.
    """
    spans = _spans(documents, passages)
    return (document_row(place, document, spans[document.id]) for place, document in enumerate(documents))


def passage_rows(documents: Sequence[Document], passages: Iterable[Passage], digest: Any) -> Iterator[Row]:
    """Give (ordinal, id, document, indexed, title, section, text, start, end, page, context) of each passage.

    `document` is its ordinal, `indexed` the fingerprint of its indexed text. `digest` takes in every row.
    """
    places = {document.id: place for place, document in enumerate(documents)}
    for ordinal, passage in enumerate(passages):
        row = passage_row(ordinal, places[passage.document], passage)
        digest.update(seal_of(*row[:6], *row[7:10]))
        yield row


def passage_row(ordinal: int, place: int, p: Passage) -> Row:
    """Give the row of one passage of the document at a place."""
    head = ordinal, p.id, place, fingerprint(p.indexed_text), p.title, _json(p.section)
    return *head, p.text, p.start, p.end, p.page, p.context


def seal_of(*values: object) -> bytes:
    """Give what a digest takes in of a passage: all but text and context, which its fingerprint stands for."""
    return repr(values).encode()


def to_entry(
    identifier: str, authority: Authority, status: Status, tags: str, first: int, after: int
) -> Entry:
    """Read back what a filter sees of a document."""
    return Entry(identifier, authority, status, tuple(json.loads(tags)), first, after)


def to_document(described: str, text: str) -> Document:
    """Read back a document."""
    data = json.loads(described)
    sections = tuple(Section(tuple(s["path"]), s["start"], s["end"]) for s in data.pop("sections"))
    tags, pages = tuple(data.pop("tags")), tuple(data.pop("pages"))
    return Document(text=text, sections=sections, tags=tags, pages=pages, **data)


def to_passage(
    identifier: str,
    document: str,
    title: str,
    section: str,
    text: str,
    start: int,
    end: int,
    page: int | None,
    context: str,
) -> Passage:
    """Read back a passage; `document` is the document's id."""
    return Passage(identifier, document, title, tuple(json.loads(section)), text, start, end, page, context)


def fingerprint(text: str) -> bytes:
    """Give 16 bytes that stand for a passage's indexed text."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _spans(documents: Sequence[Document], passages: Sequence[Passage]) -> dict[str, tuple[int, int]]:
    spans = {document.id: (0, 0) for document in documents}
    for ordinal, passage in enumerate(passages):
        first, after = spans[passage.document]
        if after and after != ordinal:
            raise ValueError(f"the passages of {passage.document} do not follow one another")
        spans[passage.document] = (first if after else ordinal, ordinal + 1)
    return spans


def document_row(place: int, d: Document, span: tuple[int, int]) -> Row:
    """Give the row of one document, its passages having the ordinals of the span."""
    described = {name: getattr(d, name) for name in _DESCRIBED}
    # `asdict` would copy every value of every section, and take as long as all else.
    described["sections"] = [{"path": s.path, "start": s.start, "end": s.end} for s in d.sections]
    return place, d.id, d.authority, d.status, _json(d.tags), *span, _json(described), d.text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
