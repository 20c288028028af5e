"""What a change of the corpus changes: documents and passages, and the words that rules are pinned to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from rapidfuzz import fuzz, process

from hds_bot import rules
from hds_bot.bot.anchors import anchors
from hds_bot.corpus import find_quote, fold
from hds_bot.types import Document, Passage

ALIKE = 60
"""Least likeness, of 100, of two wordings of one passage (Indel similarity)."""
_NEAR = 40
"""Least likeness of a lost quote and the new sentence shown beside it; below, nothing took its place."""
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
    """A rule's quote that is lost, stands under other headings, or in a sentence that says something else."""

    kind: Literal["lost", "moved", "reworded"]
    rule: str
    """Its id; of a topic's anchor, the topic."""
    document: str
    quote: str
    before: Passage
    """Where it stood."""
    after: Passage | None
    """Where it stands now, or the new words that come nearest to it; None where none come near."""
    wording: str
    """The line or sentence of `after` that holds the quote, or comes nearest; empty where there is none."""


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
    """Every quote of a rule that stood in `before` and does not stand so in `after`, in the rules' order.

    A superseded document says nothing: what rules quote from it is lost.
    """
    pinned = (
        (rule.id, rule.document, quote)
        for rule in rules.load_rules().rules
        for quote in (rule.quote, *rule.also)
        if quote
    )
    return _compare_pinned(pinned, before, after, changes)


def lost_anchors(before: Side, after: Side, changes: Sequence[DocumentChange]) -> tuple[QuoteChange, ...]:
    """Every topic's anchor that stood in `before` and is lost in `after`; `rule` is the topic."""
    pinned = ((anchor.topic, anchor.document, anchor.words) for anchor in anchors())
    compared = _compare_pinned(pinned, before, after, changes)
    return tuple(change for change in compared if change.kind == "lost")


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


def _compare_pinned(
    pinned: Iterable[tuple[str, str, str]], before: Side, after: Side, changes: Sequence[DocumentChange]
) -> tuple[QuoteChange, ...]:
    """Compare where words stand, given as (rule or topic, document, words), in documents that changed."""
    touched = {name for change in changes for name in (change.id, change.was)}
    new = [change.id for change in changes if change.kind in ("added", "renamed")]
    compared = (
        _compare_quote(name, document, words, before, after, new)
        for name, document, words in pinned
        if document in touched
    )
    return tuple(change for change in compared if change)


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a quote stands: its passage, and the line or sentence that it is part of."""

    passage: Passage
    sentence: str


def _compare_quote(
    rule: str, document: str, quote: str, before: Side, after: Side, new: Sequence[str]
) -> QuoteChange | None:
    old, now = (_stand(side, document, quote) for side in (before, after))
    if old is None:
        return None
    if now is None:
        near = _nearest(quote, before.documents[document], after, new)
        passage, wording = (near.passage, near.sentence) if near else (None, "")
        return QuoteChange("lost", rule, document, quote, old.passage, passage, wording)
    if fold(now.sentence) != fold(old.sentence):
        return QuoteChange("reworded", rule, document, quote, old.passage, now.passage, now.sentence)
    if now.passage.section != old.passage.section:
        return QuoteChange("moved", rule, document, quote, old.passage, now.passage, now.sentence)
    return None


def _stand(side: Side, document: str, quote: str) -> _Stand | None:
    """Find where a document in force says a quote."""
    if not _in_force(side, document):
        return None
    text = side.documents[document].text
    start, end = find_quote(text, quote) or (-1, -1)
    holding = (passage for passage in side.passages_of(document) if passage.start <= start < passage.end)
    return next((_Stand(passage, _around(text, start, end)) for passage in holding), None)


def _in_force(side: Side, document: str) -> bool:
    return document in side.documents and side.documents[document].status == "in_force"


def _around(text: str, start: int, end: int) -> str:
    """Widen a slice to the lines or sentences that it is part of."""
    breaks = list(_SENTENCE_END.finditer(text))
    first = max((found.end() for found in breaks if found.end() <= start), default=0)
    last = min((found.start() for found in breaks if found.start() >= end), default=len(text))
    return text[first:last]


def _nearest(quote: str, was: Document, after: Side, new: Iterable[str]) -> _Stand | None:
    """Find the words that come nearest among those that are new: what stood before took no quote's place."""
    known: set[str] = set()
    if _in_force(after, was.id):
        new, known = [was.id], set(map(fold, _SENTENCE_END.split(was.text)))
    stands = [
        _Stand(passage, sentence)
        for document in new
        for passage in after.passages_of(document)
        for sentence in _SENTENCE_END.split(passage.text)
        if fold(sentence) not in known
    ]
    wanted = fold(quote)
    likeness = [fuzz.ratio(wanted, fold(stand.sentence)) for stand in stands]
    best = max(likeness, default=0)
    return stands[likeness.index(best)] if best >= _NEAR else None
