"""BM25 over the words of passages: weighed by bm25s when built, read from mapped arrays without it.

Words are lower-cased, stripped of accents, freed of elisions (l', d', qu'), then stemmed by the French
Snowball stemmer; French and English stop words are left out. Accents go before stemming: measured better on
French regulatory text. The formula is Lucene's, k1 1.5, b 0.75.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import Stemmer

from hds_bot.errors import IndexDamaged
from hds_bot.types import FloatArray

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
_MOST_WORDS = 512
"""Words of a query that are read: as many as the encoder reads pieces."""
_IN_MEMORY_BYTES = 1 << 20
_ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)['’ʼ]")
_WORD = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})


def build(texts: Iterable[str], folder: Path) -> None:
    """Index texts, a text's ordinal being its place, into plain files in a folder."""
    from bm25s import BM25

    stop_words = _stop_words()
    numbers = _Numbers(stop_words)
    rows = [[number for word in _words(text) if (number := numbers[word]) >= 0] for text in texts]
    with np.errstate(invalid="ignore"):  # a corpus without a word has no mean length
        scores = BM25(k1=1.5, b=0.75).build_index_from_ids(
            range(len(numbers.terms)), rows, show_progress=False
        )
    folder.mkdir(parents=True, exist_ok=True)
    described = {"passages": len(rows), "stop_words": sorted(stop_words), "terms": list(numbers.terms)}
    (folder / "terms.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    np.save(folder / "weights.npy", scores["data"].astype(np.float32, copy=False))
    np.save(folder / "ordinals.npy", scores["indices"].astype(np.int32, copy=False))
    np.save(folder / "bounds.npy", scores["indptr"].astype(np.int64, copy=False))


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
    ) -> None:
        """Take term i to occur in passages `ordinals[bounds[i]:bounds[i + 1]]`, `weights` beside them."""
        self._numbers = {term: number for number, term in enumerate(terms)}
        self._stop_words = frozenset(stop_words)
        self._passages = passages
        self._weights, self._ordinals, self._bounds = weights, ordinals, bounds

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Map the files that `build` wrote. Raises IndexDamaged where one is missing or unreadable."""
        try:
            described = json.loads((folder / "terms.json").read_bytes())
            arrays = {name: _mapped(folder / f"{name}.npy") for name in ("weights", "ordinals", "bounds")}
            if len(described["terms"]) + 1 != len(arrays["bounds"]):
                raise ValueError("terms and bounds disagree")
            return cls(described["terms"], described["stop_words"], described["passages"], **arrays)
        except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise IndexDamaged(
                f"is unreadable ({error})", where=str(folder), next_step="hds-bot index build"
            ) from error

    def search(
        self, query: str, k: int, *, extra_terms: Sequence[str] = (), allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k best passages that share a word: BM25 scores and ordinals, best first, then by ordinal.

        `extra_terms` are words or phrases searched as well; those already in the query don't count again.
        `allowed` is a mask over all ordinals. Nothing comes back where no word is shared.
        """
        scores = np.zeros(self._passages, dtype=np.float32)
        for number, count in self._wanted(query, extra_terms).items():
            span = slice(self._bounds[number], self._bounds[number + 1])
            scores[self._ordinals[span]] += count * self._weights[span]
        if allowed is not None:
            scores[~allowed] = 0
        return _best(scores, k)

    def _wanted(self, query: str, extra_terms: Sequence[str]) -> Counter[int]:
        wanted = self._count(query)
        extra = self._count(" ".join(extra_terms))
        return wanted + Counter({number: 1 for number in extra if number not in wanted})

    def _count(self, text: str) -> Counter[int]:
        words = [word for word in _words(text)[:_MOST_WORDS] if word not in self._stop_words]
        stems = Stemmer.Stemmer("french").stemWords(words)
        return Counter(self._numbers[stem] for stem in stems if stem in self._numbers)


class _Numbers(dict[str, int]):
    """Word to term number, given out as words are met; -1 for a stop word."""

    def __init__(self, stop_words: Collection[str]) -> None:
        super().__init__(dict.fromkeys(stop_words, -1))
        self.terms: dict[str, int] = {}
        self._stemmer = Stemmer.Stemmer("french")

    def __missing__(self, word: str) -> int:
        number = self.terms.setdefault(self._stemmer.stemWord(word), len(self.terms))
        self[word] = number
        return number


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LIGATURES))
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return _WORD.findall(_ELISION.sub("", bare))


def _stop_words() -> set[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS, STOPWORDS_FRENCH

    return {word for entry in (*STOPWORDS_FRENCH, *STOPWORDS_EN_PLUS) for word in _words(entry)}


def _mapped(path: Path) -> Any:
    mode: Any = "r" if path.stat().st_size > _IN_MEMORY_BYTES else None
    return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))


def _best(scores: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Take the k highest above zero; of equals at the cut, those of lowest ordinal."""
    found = np.flatnonzero(scores)
    if len(found) > k:
        found = found[scores[found] >= np.partition(scores[found], -k)[-k]]
    order = np.lexsort((found, -scores[found]))[:k]
    return scores[found[order]], found[order]
