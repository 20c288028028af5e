"""Unit vectors in FAISS: all compared while that is fast, beyond it those of nearest code; mapped from disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from hds_bot.errors import EncoderError
from hds_bot.index.generations import unreadable
from hds_bot.types import BoolArray, FloatArray, IntArray

NAME = "vectors.faiss"
EXACT_UP_TO = 50_000
"""Vectors that are all compared: some 8 ms for 384 dimensions; `docs/scale.md` has the measurements."""
CANDIDATES, FEWEST = 8, 800
"""Beyond: vectors compared for each one wanted, the nearest by their codes, and how many at least."""
RECALL = 0.985
"""Share of the ten nearest neighbours of sampled questions that a search of a graph has to find."""
_TRAINING = 1 << 16
"""Vectors that codes are learnt from."""
_BATCH = 1 << 16
_SAMPLE = 512
_IN_MEMORY_BYTES = 64 << 20
# FAISS widens these constructors at run time, past what its type stubs say.
_Parameters: Any = faiss.SearchParameters
_CodeParameters: Any = faiss.SearchParametersIVF
_RotatedParameters: Any = faiss.SearchParametersPreTransform
_RefinedParameters: Any = faiss.IndexRefineSearchParameters
_Bitmap: Any = faiss.IDSelectorBitmap
_Writer: Any = faiss.PyCallbackIOWriter  # type: ignore[attr-defined]


def write_vectors(path: Path, vectors: FloatArray) -> None:
    """Write (n, dimension) float32 rows of unit length. Raises EncoderError where they are not."""
    refuse_odd(vectors)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    index = _exact(vectors) if len(vectors) <= EXACT_UP_TO else _coded(vectors)
    # Through Python's own file: FAISS's only prints that closing failed, as it does on a full disk.
    with path.open("wb") as file:
        faiss.write_index(index, _Writer(file.write))


class Vectors:
    """Vectors opened read-only; any number of threads may search at once."""

    def __init__(self, path: Path) -> None:
        mapped = path.stat().st_size > _IN_MEMORY_BYTES
        try:
            self._index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
        except RuntimeError as error:
            raise unreadable(path, str(error).rpartition("Error: ")[2]) from error
        beside = getattr(self._index, "refine_index", None)
        self._exact: Any = faiss.downcast_index(beside) if beside else self._index
        if not isinstance(self._exact, faiss.IndexFlat):
            raise unreadable(path, f"it holds {type(self._exact).__name__}, of another version")

    @property
    def shape(self) -> tuple[int, int]:
        """How many vectors, how wide."""
        return self._index.ntotal, self._index.d

    def search(self, vector: FloatArray, k: int, *, allowed: BoolArray | None) -> tuple[FloatArray, IntArray]:
        """Find the k nearest by inner product, best first, then by ordinal; fewer where fewer are allowed."""
        k = min(k, self._index.ntotal)
        index, parameters = self._way(k, allowed)
        # For one question, a second thread costs more than it brings; questions run side by side.
        faiss.omp_set_num_threads(1)
        found, ordinals = index.search(vector.reshape(1, -1), k, params=parameters)
        scores, ordinals = _cosines(index, found)[ordinals >= 0], ordinals[ordinals >= 0]
        order = np.lexsort((ordinals, -scores))
        return scores[order], ordinals[order]

    def _way(self, k: int, allowed: BoolArray | None) -> tuple[Any, Any]:
        """Compare all that are allowed while they are few; else those of nearest code."""
        selector = None if allowed is None else _Bitmap(np.packbits(allowed, bitorder="little"))
        count = self._index.ntotal if allowed is None else np.count_nonzero(allowed)
        if self._index is self._exact or count <= EXACT_UP_TO:
            return self._exact, _Parameters(sel=selector)
        codes = _RotatedParameters(index_params=_CodeParameters(sel=selector))
        return self._index, _RefinedParameters(k_factor=max(CANDIDATES, FEWEST / k), base_index_params=codes)

    def rows(self, ordinals: Sequence[int]) -> FloatArray:
        """Read the vectors themselves, in the order asked for."""
        rows: FloatArray = self._exact.reconstruct_batch(np.asarray(ordinals, dtype=np.int64))
        return rows


def _exact(vectors: FloatArray) -> Any:
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _coded(vectors: FloatArray) -> Any:
    """Lay a code of 4 bits for every two dimensions beside the vectors.

    A rotation comes first, so that no dimension varies much more than others. The codes are those of an
    inverted file (FAISS's only ones that filter) of a single cell: real questions lie apart from passages, and
    their neighbours in too many cells. Distances give unit vectors the same order as inner products.
    """
    own = vectors.shape[1]
    width = own + own % 2
    inverted: Any = faiss.IndexIVFPQFastScan(faiss.IndexFlatL2(width), width, 1, width // 2, 4)
    inverted.by_residual = False
    codes: Any = faiss.IndexPreTransform(faiss.RandomRotationMatrix(own, width), inverted)
    codes.train(_sample(vectors, _TRAINING))
    exact: Any = faiss.IndexFlatL2(own)
    for batch in np.array_split(vectors, len(vectors) // _BATCH + 1):
        codes.add(batch)
        exact.add(batch)
    index: Any = faiss.IndexRefine(codes, exact)
    return index


def _cosines(index: Any, found: FloatArray) -> FloatArray:
    """Turn what FAISS gives for unit vectors, squared distances or inner products, into cosines."""
    return found if index.metric_type == faiss.METRIC_INNER_PRODUCT else 1 - found / np.float32(2)


def sample_questions(vectors: FloatArray) -> FloatArray:
    """Lean sampled vectors towards one another: as hard to find for as real questions, which they are not."""
    sample = _sample(vectors, _SAMPLE)
    mean = sample.mean(axis=0)
    leant = mean + 0.85 * (sample - mean) + 0.53 * (np.roll(sample, 1, axis=0) - mean)
    unit: FloatArray = leant / np.linalg.norm(leant, axis=1, keepdims=True)
    return unit


def _sample(vectors: FloatArray, count: int) -> FloatArray:
    drawn = np.random.default_rng(0).choice(len(vectors), min(count, len(vectors)), replace=False)
    return vectors[drawn]


def refuse_odd(vectors: FloatArray) -> None:
    """Raise EncoderError where rows are not of unit length."""
    odd = np.flatnonzero(~(np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < 2e-3))
    if len(odd):
        raise EncoderError(
            "some vectors are not of unit length",
            where=f"passage {odd[0]}",
            next_step="take an encoder that normalises its vectors",
        )
