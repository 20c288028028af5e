"""Dense and lexical ranks fused into cited passages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz

from hds_bot.errors import IndexMismatch, InputError, NotFound
from hds_bot.index import Entry, Verification
from hds_bot.stores import Generation, Store
from hds_bot.types import Authority, BoolArray, Encoder, FloatArray, Hit, IntArray, Passage

DEPTH = 100
"""Passages taken from each list before fusion."""
COMPANY = 0.3
"""Weight of a document's second-best passage beside its own score of 1: what is said twice is no accident."""
LIKELY = 0.5
"""Share of the score that what is likely to answer has, where it is told."""
NEARBY = 0.12
"""Cosine below the best passage's at which what is likely no longer counts, fully at the best's own: chosen among law
articles, for multilingual-e5-small, so that the guidance is found among them and seldom comes up for others."""
EQUAL = 0.02
"""Fused scores this close are equal enough for authority to decide."""
NAMED = 8
"""Documents or tags, those spelt most like it, that are named where one is asked for that isn't there."""
UNRELATED = Path(__file__).with_name("unrelated.txt")
"""Questions that no guidance answers, one a line: how near they come is how near noise comes."""
_AUTHORITY: dict[Authority, int] = {"guide": 0, "regulator": 1, "law": 2}

Ranked = tuple[FloatArray, IntArray]
"""Scores and ordinals, best first."""


class Retriever:
    """Hybrid search over one generation of an index, safe from any number of threads."""

    def __init__(self, index: Generation, encoder: Encoder) -> None:
        """Refuse, by IndexMismatch, an index that was built with another encoder."""
        _refuse_other_encoder(index, encoder)
        self.index = index
        self._encoder = encoder
        self._entries = {entry.id: entry for entry in index.entries}
        self._starts = np.unique([entry.first for entry in index.entries])
        self._ordinals: dict[str, int] = {}
        in_force = self._mask(index.entries)
        self._in_force = None if in_force.all() else in_force

    @classmethod
    def open(cls, store: Store, encoder: Encoder, *, verification: Verification = "quick") -> Retriever:
        """Open the generation in force: passages, vectors and words of one and the same build.

        Raises IndexMissing, IndexDamaged or IndexMismatch, each with the command that mends it.
        """
        return cls(store.open(verification=verification), encoder)

    def search(
        self,
        query: str,
        k: int = 5,
        *,
        documents: Collection[str] | None = None,
        tags: Collection[str] | None = None,
        expand: Sequence[str] = (),
        vector: FloatArray | None = None,
        likely: Sequence[Passage] = (),
        weight: float = 0.5,
    ) -> tuple[Hit, ...]:
        """Find the k passages that answer best, none where nothing is near; superseded documents never.

        The score, in [0, 1], is the weighted sum of both lists, each normalised: `weight` for the dense one,
        the rest for the lexical one; then a document's second-best passage speaks for all of it. Ties go by
        ordinal, near-ties to the higher authority. `expand` adds words to the lexical search; `vector` is
        the query's own, where it was encoded already; `likely` are passages that are known to answer
        questions of this kind, the likeliest first: they rise, the more so the nearer they are.
        `documents` and `tags` keep documents of these ids, with any of these tags. Nothing is near where
        neither words nor vectors come nearer than those of unrelated questions, and nothing likely rises.
        Raises InputError where k is no whole number from 1, NotFound where no document has such an id or tag.
        """
        _refuse_no_count(k)
        allowed = self._allowed(documents, tags)
        if not query.strip():
            return ()
        lexical = self.index.search_words(query, DEPTH, extra_terms=expand, allowed=allowed)
        if vector is None:
            vector = self._encoder.encode_queries([query])[0]
        dense = self.index.search(vector, DEPTH, allowed=allowed)
        closeness, near = self._nearby(likely, vector, dense, allowed)
        if not (len(near) or self._is_near(query, dense, lexical)):
            return ()
        scores, ordinals = _fuse(dense, lexical, weight, near)
        scores = _blend(scores, _second_best(scores, self._owners(ordinals)), COMPANY / (1 + COMPANY))
        if len(near):
            scores = _blend(scores, _at(ordinals, near, closeness), LIKELY)
        return self._hits(*_in_order(scores, ordinals), k)

    def _is_near(self, query: str, dense: Ranked, lexical: Ranked) -> bool:
        return _a_word(query, lexical) > self._lexical_noise or bool(np.any(dense[0] > self._dense_noise))

    @cached_property
    def _lexical_noise(self) -> float:
        """BM25 score, by word of the question, that few unrelated questions pass here; 0 in a small corpus."""
        return _few_pass([_a_word(text, self.index.search_words(text, 1)) for text in _unrelated()])

    @cached_property
    def _dense_noise(self) -> float:
        """Cosine that few unrelated questions pass here.

        Found once, when first a question's words are no more than noise, for whatever encoder and corpus. On
        the guidance with multilingual-e5-small it is 0.80: of questions that share no word, those about
        something else reach 0.80, those that it answers begin there.
        """
        rows = self._encoder.encode_queries(_unrelated())
        return _few_pass([float(np.max(self.index.search(row, 1)[0])) for row in rows])

    def _owners(self, ordinals: IntArray) -> IntArray:
        """Tell passages of one document from those of another: a number for each."""
        owners: IntArray = np.searchsorted(self._starts, ordinals, side="right")
        return owners

    def _nearby(
        self, likely: Sequence[Passage], vector: FloatArray, dense: Ranked, allowed: BoolArray | None
    ) -> Ranked:
        """Nearness to the best times reciprocal rank, and ordinals, of what is likely and may be returned."""
        wanted = np.array([self._ordinal(passage) for passage in dict.fromkeys(likely)], dtype=np.int64)
        mask = np.zeros(self.index.manifest.passages, dtype=np.bool_)
        mask[wanted] = True if allowed is None else allowed[wanted]
        if not mask.any():
            return np.zeros(0, dtype=np.float32), wanted[:0]
        cosines, ordinals = self.index.search(vector, len(wanted), allowed=mask)
        ranks = 1 + np.argmax(ordinals[:, None] == wanted, axis=1)
        closeness = (1 - (dense[0][0] - cosines) / np.float32(NEARBY)) / ranks.astype(np.float32)
        near = closeness > 0
        return closeness[near], ordinals[near]

    def _ordinal(self, passage: Passage) -> int:
        if passage.id not in self._ordinals:
            together = self.index.passages_of(passage.document)
            first = self._entries[passage.document].first
            self._ordinals |= {one.id: ordinal for ordinal, one in enumerate(together, first)}
        return self._ordinals[passage.id]

    def _hits(self, scores: FloatArray, ordinals: IntArray, k: int) -> tuple[Hit, ...]:
        """Take the first k, those nearly equal put in order of authority."""
        nearly = int(np.sum(scores >= scores[:k][-1] - EQUAL))
        passages = self.index.passages(ordinals[:nearly].tolist())
        ranks = [_AUTHORITY[self._entries[passage.document].authority] for passage in passages]
        order = _by_authority(scores[:nearly], ranks)[:k]
        return tuple(Hit(passages[at], float(scores[at]), rank) for rank, at in enumerate(order, 1))

    def _allowed(self, documents: Collection[str] | None, tags: Collection[str] | None) -> BoolArray | None:
        """Which passages may be returned; None for all."""
        if documents is None and tags is None:
            return self._in_force
        entries = list(self._entries.values())
        if documents is not None:
            _refuse_unknown("document", documents, self._entries)
            entries = [self._entries[document] for document in documents]
        if tags is not None:
            _refuse_unknown("tag", tags, {tag for entry in self._entries.values() for tag in entry.tags})
            entries = [entry for entry in entries if not set(tags).isdisjoint(entry.tags)]
        return self._mask(entries)

    def _mask(self, entries: Iterable[Entry]) -> BoolArray:
        mask = np.zeros(self.index.manifest.passages, dtype=np.bool_)
        for entry in entries:
            mask[entry.first : entry.after] = entry.status == "in_force"
        return mask


def _unrelated() -> list[str]:
    return UNRELATED.read_text(encoding="utf-8").splitlines()


def _few_pass(nearest: Sequence[float]) -> float:
    """One deviation above the mean."""
    return float(np.mean(nearest) + np.std(nearest))


def _a_word(query: str, lexical: Ranked) -> float:
    """Give the best score by word of the query, 0 where no word is shared."""
    return float(np.max(lexical[0], initial=0) / len(query.split()))


def _fuse(dense: Ranked, lexical: Ranked, weight: float, more: IntArray) -> tuple[FloatArray, IntArray]:
    """Both lists and more as one: weighted sum of min-max normalised scores, absent counting as zero."""
    ordinals = np.union1d(np.union1d(dense[1], lexical[1]), more)
    scores = np.zeros(len(ordinals), dtype=np.float32)
    for (values, places), share in ((dense, weight), (lexical, 1 - weight)):
        scores[np.searchsorted(ordinals, places)] += share * _normalised(values)
    return scores, ordinals


def _at(ordinals: IntArray, some: IntArray, values: FloatArray) -> FloatArray:
    """The values of some ordinals among all; 0 for the others."""
    spread = np.zeros(len(ordinals), dtype=np.float32)
    spread[np.searchsorted(ordinals, some)] = values
    return spread


def _second_best(scores: FloatArray, owners: IntArray) -> FloatArray:
    """For each score the second-best of its owner's; 0 where that has no other."""
    order = np.lexsort((-scores, owners))
    best = np.searchsorted(owners[order], owners)
    alone = np.bincount(owners)[owners] < 2
    return np.where(alone, np.float32(0), scores[order][np.minimum(best + 1, len(scores) - 1)])


def _blend(scores: FloatArray, others: FloatArray, share: float) -> FloatArray:
    return scores + np.float32(share) * (others - scores)


def _in_order(scores: FloatArray, ordinals: IntArray) -> tuple[FloatArray, IntArray]:
    order = np.lexsort((ordinals, -scores))
    return scores[order], ordinals[order]


def _normalised(values: FloatArray) -> FloatArray:
    """To [0, 1]; all equal gives ones."""
    spread = float(values[0] - values[-1]) if len(values) else 0.0
    return (values - values[-1]) / np.float32(spread) if spread else np.ones_like(values)


def _by_authority(scores: FloatArray, ranks: Sequence[int]) -> list[int]:
    """Places best first, where one of higher authority passes those at most `EQUAL` above it."""
    order: list[int] = []
    for at, rank in enumerate(ranks):
        before = len(order)
        while before and ranks[order[before - 1]] < rank and scores[order[before - 1]] - scores[at] <= EQUAL:
            before -= 1
        order.insert(before, at)
    return order


def _refuse_no_count(k: object) -> None:
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise InputError(
            f"can't return {k!r} passages", where="k", next_step="ask for a whole number of them, at least 1"
        )


def _refuse_unknown(kind: str, asked: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(asked) - set(known)):
        nearest = sorted(known, key=lambda name: (-fuzz.ratio(name, unknown[0]), name))[:NAMED]
        more = f", and {len(known) - NAMED} more" if len(known) > NAMED else ""
        raise NotFound(
            f"no {kind} {unknown[0]!r} in the index",
            next_step=f"take one of: {', '.join(nearest)}{more}" if known else f"no document has a {kind}",
        )


def _refuse_other_encoder(index: Generation, encoder: Encoder) -> None:
    if index.manifest.encoder != encoder.identity:
        raise IndexMismatch(
            f"built with encoder {index.manifest.encoder}, opened with {encoder.identity}",
            where=index.place,
            next_step="hds-bot index build, or name the encoder it was built with",
        )
