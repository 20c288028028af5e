"""What a change of the corpus changes: documents and passages, and the words that rules are pinned to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from rapidfuzz import fuzz, process

from hds_bot import rules
from hds_bot.corpus import find_quote, fold
from hds_bot.types import Document, Passage

ALIKE = 60
"""Least likeness, of 100, of two wordings of one passage (Indel similarity)."""
_MOST_PAIRS = 4_000_000
"""Pairs of passages compared in one document; beyond, they are listed as removed and added."""
_SENTENCE_END = re.compile(r"\s*\n\s*|(?<=[.!?…])\s+")
_DESCRIBED = tuple(
    field.name
    for field in fields(Document)
    if field.name not in ("id", "text", "sections", "pages", "sha256")
)
Kind = Literal["added", "removed", "renamed", "changed"]


@dataclass(frozen=True, slots=True)
class Side:
    """One state of a corpus: its documents, and the passages of each when asked for."""

    documents: Mapping[str, Document]
    passages_of: Callable[[str], Sequence[Passage]]


@dataclass(frozen=True, slots=True)
class Rewording:
    """One passage before and after; with equal texts, its title, headings or lead-in changed."""

    before: Passage
    after: Passage


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that is not what it was, and which of its passages are not."""

    kind: Kind
    id: str
    title: str
    was: str = ""
    """Its former id, where it was renamed."""
    described: tuple[str, ...] = ()
    """Keys of its metadata that changed."""
    added: tuple[Passage, ...] = ()
    removed: tuple[Passage, ...] = ()
    reworded: tuple[Rewording, ...] = ()


@dataclass(frozen=True, slots=True)
class QuoteChange:
    """A rule's quote that is lost, or stands under other headings than before."""

    kind: Literal["lost", "moved"]
    rule: str
    document: str
    quote: str
    before: Passage
    """Where it stood."""
    after: Passage | None
    """Where it stands now, or comes nearest; None where there is nothing to compare with."""
    wording: str
    """The line or sentence of `after` that comes nearest to the quote."""


def compare_documents(before: Side, after: Side) -> tuple[DocumentChange, ...]:
    """Every document that is not what it was, in order of id."""
    renamed = _renamed(before.documents, after.documents)
    changes: list[DocumentChange] = []
    for identifier in sorted({*before.documents, *after.documents} - set(renamed.values())):
        old = before.documents.get(renamed.get(identifier, identifier))
        new = after.documents.get(identifier)
        if change := _compare(old, new, before, after):
            changes.append(change)
    return tuple(changes)


def compare_quotes(before: Side, after: Side, changes: Sequence[DocumentChange]) -> tuple[QuoteChange, ...]:
    """Every quote of a rule that stood in `before` and is lost or moved in `after`, in the rules' order."""
    touched = {name for change in changes for name in (change.id, change.was)}
    new = [change.id for change in changes if change.kind in ("added", "renamed")]
    compared = (
        _compare_quote(rule.id, rule.document, quote, before, after, new)
        for rule in rules.load_rules().rules
        for quote in (rule.quote, *rule.also)
        if quote and rule.document in touched
    )
    return tuple(change for change in compared if change)


# -- documents ----------------------------------------------------------------------------


def _renamed(before: Mapping[str, Document], after: Mapping[str, Document]) -> dict[str, str]:
    """Map new id to former id of the documents whose file is the same under another name."""
    gone = {before[name].sha256: name for name in sorted(set(before) - set(after))}
    return {
        name: gone.pop(after[name].sha256)
        for name in sorted(set(after) - set(before))
        if after[name].sha256 in gone
    }


def _compare(old: Document | None, new: Document | None, before: Side, after: Side) -> DocumentChange | None:
    if new is None and old is not None:
        return DocumentChange("removed", old.id, old.title, removed=tuple(before.passages_of(old.id)))
    if new is None:
        return None
    if old is None:
        return DocumentChange("added", new.id, new.title, added=tuple(after.passages_of(new.id)))
    if old.id != new.id:
        return DocumentChange("renamed", new.id, new.title, was=old.id)
    return None if old == new else _compare_passages(old, new, before, after)


def _compare_passages(old: Document, new: Document, before: Side, after: Side) -> DocumentChange:
    olds = {passage.id: passage for passage in before.passages_of(old.id)}
    news = {passage.id: passage for passage in after.passages_of(new.id)}
    gone = [passage for id_, passage in olds.items() if id_ not in news]
    come = [passage for id_, passage in news.items() if id_ not in olds]
    pairs = _pair(gone, come)
    return DocumentChange(
        "changed",
        new.id,
        new.title,
        described=tuple(name for name in _DESCRIBED if getattr(old, name) != getattr(new, name)),
        added=tuple(passage for at, passage in enumerate(come) if at not in pairs.values()),
        removed=tuple(passage for at, passage in enumerate(gone) if at not in pairs),
        reworded=tuple(Rewording(gone[one], come[other]) for one, other in sorted(pairs.items())),
    )


def _pair(gone: Sequence[Passage], come: Sequence[Passage]) -> dict[int, int]:
    """Pair places of alike passages, the most alike first."""
    if not gone or not come or len(gone) * len(come) > _MOST_PAIRS:
        return {}
    likeness = process.cdist(
        [passage.text for passage in gone], [passage.text for passage in come], scorer=fuzz.ratio
    )
    pairs: dict[int, int] = {}
    for place in likeness.argsort(axis=None, kind="stable")[::-1]:
        one, other = divmod(int(place), len(come))
        if likeness[one, other] < ALIKE:
            break
        if one not in pairs and other not in pairs.values():
            pairs[one] = other
    return pairs


# -- quotes -------------------------------------------------------------------------------


def _compare_quote(
    rule: str, document: str, quote: str, before: Side, after: Side, new: Sequence[str]
) -> QuoteChange | None:
    old = _holding(before, document, quote)
    if old is None:
        return None
    now = _holding(after, document, quote)
    if now and now.section == old.section:
        return None
    near = [document] if document in after.documents else new
    found = now or _nearest(quote, near, after)
    wording = _nearest_wording(quote, found.text) if found else ""
    return QuoteChange("moved" if now else "lost", rule, document, quote, old, found, wording)


def _holding(side: Side, document: str, quote: str) -> Passage | None:
    """Find the passage in which a document begins to say a quote."""
    if document not in side.documents:
        return None
    start, _ = find_quote(side.documents[document].text, quote) or (-1, -1)
    return next(
        (passage for passage in side.passages_of(document) if passage.start <= start < passage.end), None
    )


def _nearest(quote: str, documents: Iterable[str], side: Side) -> Passage | None:
    wanted = fold(quote)
    return max(
        _all_passages(documents, side),
        key=lambda passage: fuzz.partial_ratio(wanted, fold(passage.text)),
        default=None,
    )


def _nearest_wording(quote: str, text: str) -> str:
    return max(_SENTENCE_END.split(text), key=lambda sentence: fuzz.ratio(fold(quote), fold(sentence)))


def _all_passages(documents: Iterable[str], side: Side) -> Iterator[Passage]:
    for document in documents:
        yield from side.passages_of(document)
