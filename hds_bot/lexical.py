"""BM25 over the words of passages, in mapped arrays: opened without rebuilding, searched in milliseconds.

Words are lower-cased, freed of elisions (l', d', qu') and of accents, then stemmed by the French Snowball
stemmer; French and English stop words are left out. Accents go before stemming: measured better on French
regulatory text. Weights are those of Lucene and bm25s, k1 1.5, b 0.75 (Kamphuis et al., "Which BM25 do you
mean?", 2020), computed here for all passages at once, so that a rebuild does not wait for a loop.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import Stemmer

from hds_bot.errors import IndexDamaged
from hds_bot.types import BoolArray, FloatArray, IntArray

Terms = npt.NDArray[np.int32]
K1, B = 1.5, 0.75
STOP_WORDS = Path(__file__).with_name("stop_words.txt")
_MOST_WORDS = 512
"""Words of a query that are read: as many as the encoder reads pieces."""
_COMMON = 1 << 15
"""Passages from which a term is common: once it can't bring up others, it is looked up in the best alone."""
_LOOK_UP = 8
"""Postings that can be added in the time that one takes to look up."""
_IN_MEMORY_BYTES = 1 << 20
_NONE: Terms = np.zeros(0, dtype=np.int32)
_ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)['’ʼ]")
_WORD = re.compile(r"[^\W_]+")
_SPELLING = str.maketrans({"œ": "oe", "æ": "ae"} | dict.fromkeys(map(chr, range(0x300, 0x370)), ""))


def build(
    texts: Iterable[str | range],
    folder: Path,
    *,
    earlier: Path | None = None,
) -> None:
    """Index texts, a text's ordinal being its place, into plain files in a folder.

    A range stands for the texts of these ordinals in the folder `earlier`, where this very code indexed them:
    their words are taken from there. The files come out the same. Raises IndexDamaged where `earlier` can't
    be read.
    """
    words = _Words(earlier)
    counted = [words.taken(text) if isinstance(text, range) else words.of(text) for text in texts]
    terms, names = _in_order(np.concatenate([*(row for row, _ in counted), _NONE]), words.names)
    lengths = np.concatenate([*(lengths for _, lengths in counted), _NONE])
    folder.mkdir(parents=True, exist_ok=True)
    described = {"passages": len(lengths), "stop_words": words.stop_words, "terms": names}
    (folder / "terms.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    arrays = {**_weigh(terms, lengths, len(names)), "words": terms, "lengths": lengths}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)


def plain_words(text: str) -> list[str]:
    """Cut a text into words as `build` does, stop words left out, for another engine to stem."""
    return [word for word in map(_plain, _words(text)) if word not in _stop_words()]


class LexicalIndex:
    """An index opened for questions; any number of threads may search at once."""

    def __init__(
        self,
        terms: Sequence[str],
        stop_words: Collection[str],
        passages: int,
        *,
        weights: FloatArray,
        ordinals: npt.NDArray[np.int32],
        bounds: IntArray,
        peaks: FloatArray,
    ) -> None:
        """Take term i to occur in passages `ordinals[bounds[i]:bounds[i + 1]]`, `weights` beside them."""
        self._numbers = {term: number for number, term in enumerate(terms)}
        self._stop_words = frozenset(stop_words)
        self._passages = passages
        self._weights, self._ordinals, self._bounds, self._peaks = weights, ordinals, bounds, peaks

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Map the files that `build` wrote. Raises IndexDamaged where one is missing or unreadable."""
        with _readable(folder):
            described = json.loads((folder / "terms.json").read_bytes())
            arrays = {
                name: _mapped(folder / f"{name}.npy") for name in ("weights", "ordinals", "bounds", "peaks")
            }
            if not len(described["terms"]) == len(arrays["peaks"]) == len(arrays["bounds"]) - 1:
                raise ValueError("terms and arrays disagree")
            return cls(**described, **arrays)

    def search(
        self, query: str, k: int, *, extra_terms: Sequence[str] = (), allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k best passages that share a word: BM25 scores and ordinals, best first, then by ordinal.

        `extra_terms` are words or phrases searched as well; those already in the query don't count again.
        `allowed` is a mask over all ordinals. Nothing comes back where no word is shared. Common terms are
        passed over where they can't change the result (MaxScore; Turtle & Flood, 1995).
        """
        scores = np.zeros(self._passages, dtype=np.float32)
        rare, common = self._terms(query, extra_terms)
        for term in rare:
            self._add(scores, term)
        while common and np.count_nonzero(_shown(scores, allowed) > _most(common)) < k:
            self._add(scores, common.pop(0))
        found = _found(_shown(scores, allowed), k, _most(common))
        while common:
            found = found[scores[found] >= _kth(scores[found], k) - _most(common)]
            self._look_up(scores, common.pop(0), found)
        return _best(scores, found, k)

    def _terms(self, query: str, extra_terms: Sequence[str]) -> tuple[list[_Term], list[_Term]]:
        """Give the terms to search, the rare ones and the common ones, of highest weight first."""
        wanted = self._count(query)
        extra = {number: 1 for number in self._count(" ".join(extra_terms)) if number not in wanted}
        terms = sorted((self._term(*item) for item in (wanted | extra).items()), key=lambda term: -term.peak)
        return [term for term in terms if not term.common], [term for term in terms if term.common]

    def _count(self, text: str) -> dict[int, int]:
        plain = [word for word in map(_plain, _words(text)[:_MOST_WORDS]) if word not in self._stop_words]
        stems = Stemmer.Stemmer("french").stemWords(plain)
        return Counter(self._numbers[stem] for stem in stems if stem in self._numbers)

    def _term(self, number: int, count: int) -> _Term:
        span = slice(int(self._bounds[number]), int(self._bounds[number + 1]))
        return _Term(span, count, count * float(self._peaks[number]))

    def _add(self, scores: FloatArray, term: _Term) -> None:
        np.add.at(scores, self._ordinals[term.span], term.times * self._weights[term.span])

    def _look_up(self, scores: FloatArray, term: _Term, found: IntArray) -> None:
        """Add a term's weights to these passages alone, unless adding to all is quicker."""
        if _LOOK_UP * len(found) > term.span.stop - term.span.start:
            self._add(scores, term)
            return
        ordinals = self._ordinals[term.span]
        places = np.searchsorted(ordinals, found.astype(np.int32))
        held = ordinals.take(places, mode="clip") == found
        scores[found[held]] += term.times * self._weights[term.span][places[held]]


class _Term(NamedTuple):
    """A term of a query: its postings, how often the query has it, the most that it adds to a passage."""

    span: slice
    times: int
    peak: float

    @property
    def common(self) -> bool:
        return bool(self.span.stop - self.span.start >= _COMMON)


class _Words:
    """The term numbers of texts, in order: taken from an earlier index, or given out as words are met."""

    def __init__(self, earlier: Path | None) -> None:
        self.stop_words = STOP_WORDS.read_text(encoding="utf-8").split()
        terms, self._rows, self._lengths = _earlier(earlier) if earlier else ([], _NONE, _NONE)
        self._ends = np.concatenate(([0], np.cumsum(self._lengths)))
        self._numbers = _Numbers(self.stop_words, terms)

    @property
    def names(self) -> list[str]:
        return list(self._numbers.terms)

    def of(self, text: str) -> tuple[Terms, Terms]:
        """Give the words of a text, and how many they are."""
        row = np.array([n for word in _words(text) if (n := self._numbers[word]) >= 0], dtype=np.int32)
        return row, np.array([len(row)], dtype=np.int32)

    def taken(self, places: range) -> tuple[Terms, Terms]:
        """Give the words of texts that follow one another in the earlier index, and how many each has."""
        ends = self._ends[places.start], self._ends[places.stop]
        return self._rows[slice(*ends)], self._lengths[places.start : places.stop]


class _Numbers(dict[str, int]):
    """Word to term number, given out as words are met; -1 for a stop word."""

    def __init__(self, stop_words: Sequence[str], terms: Sequence[str]) -> None:
        super().__init__()
        self.stop_words = frozenset(stop_words)
        self.terms = {term: number for number, term in enumerate(terms)}
        self._stemmer = Stemmer.Stemmer("french")

    def __missing__(self, word: str) -> int:
        plain = _plain(word)
        number = -1 if plain in self.stop_words else self._number(self._stemmer.stemWord(plain))
        self[word] = number
        return number

    def _number(self, term: str) -> int:
        return self.terms.setdefault(term, len(self.terms))


def _earlier(folder: Path) -> tuple[list[str], Terms, Terms]:
    """Read terms, term numbers of all texts, and how many each text has."""
    with _readable(folder):
        described = json.loads((folder / "terms.json").read_bytes())
        rows, lengths = (_mapped(folder / f"{name}.npy") for name in ("words", "lengths"))
        return described["terms"], rows, lengths


def _in_order(terms: Terms, names: Sequence[str]) -> tuple[Terms, list[str]]:
    """Renumber terms in order of their first occurrence; those that no longer occur go."""
    first = np.full(len(names), len(terms))
    first[terms[::-1]] = np.arange(len(terms))[::-1]
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(terms))]
    numbers = np.zeros(len(names), dtype=np.int32)
    numbers[order] = np.arange(len(order))
    return numbers[terms], [names[number] for number in order]


def _words(text: str) -> list[str]:
    """Cut a text into words, accents kept: what is left to do is done once a word, not once an occurrence."""
    return _WORD.findall(_ELISION.sub("", unicodedata.normalize("NFKC", text).casefold()))


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(STOP_WORDS.read_text(encoding="utf-8").split())


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKD", word).translate(_SPELLING)


def _weigh(terms: Terms, lengths: Terms, vocabulary: int) -> dict[str, Any]:
    """Weigh terms in passages; `bounds` tells where a term's postings begin, `peaks` its highest weight."""
    passages = len(lengths)
    places = terms * np.int64(passages) + np.repeat(np.arange(passages), lengths)
    places, occurrences = np.unique(places, return_counts=True)
    term, ordinal = np.divmod(places, max(passages, 1))
    frequency = np.bincount(term, minlength=vocabulary)
    rarity = np.log1p((passages - frequency + 0.5) / (frequency + 0.5))
    saturation = K1 * (1 - B + B * lengths * (passages / max(len(terms), 1)))
    weights = (rarity[term] * occurrences / (occurrences + saturation[ordinal])).astype(np.float32)
    bounds = np.concatenate(([0], np.cumsum(frequency)))
    peaks = np.maximum.reduceat(weights, bounds[:-1]) if vocabulary else weights
    return {"weights": weights, "ordinals": ordinal.astype(np.int32), "bounds": bounds, "peaks": peaks}


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(
            f"is unreadable ({error})", where=str(folder), next_step="hds-bot index build"
        ) from error


def _mapped(path: Path) -> Any:
    mode: Any = "r" if path.stat().st_size > _IN_MEMORY_BYTES else None
    return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))


def _most(terms: Iterable[_Term]) -> float:
    """Give the most that terms together can add to a passage."""
    return sum(term.peak for term in terms)


def _shown(scores: FloatArray, allowed: BoolArray | None) -> FloatArray:
    return scores if allowed is None else scores * allowed


def _found(scores: FloatArray, k: int, rest: float) -> IntArray:
    """Give the passages that can come among the k best by what is still to be added."""
    floor = _kth(scores, k) - rest
    return np.flatnonzero(scores >= floor if floor > 0 else scores > 0)


def _kth(scores: FloatArray, k: int) -> float:
    """Give the k-th highest score, 0 where there are fewer."""
    if len(scores) > 64 * k:
        scores = scores[scores >= _kth(scores[::16], k)]
    return float(np.partition(scores, -k)[-k]) if len(scores) >= k else 0.0


def _best(scores: FloatArray, found: IntArray, k: int) -> tuple[FloatArray, IntArray]:
    """Take the k highest; of equals at the cut, those of lowest ordinal."""
    found = found[scores[found] >= _kth(scores[found], k)]
    order = np.lexsort((found, -scores[found]))[:k]
    return scores[found[order]], found[order]
