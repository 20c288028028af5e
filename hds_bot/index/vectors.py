"""Unit vectors in FAISS: exact inner product while that is fast, a graph beyond, mapped from disk."""

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
LINKS, CARE = 32, 80
"""Of the graph (HNSW): links of a vector on each layer, candidates weighed when it is added."""
RECALL = 0.985
"""Share of the ten nearest neighbours of sampled questions that a search of the graph has to find."""
_EFFORTS = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_SAMPLE = 512
_IN_MEMORY_BYTES = 64 << 20
# FAISS widens these constructors at run time, past what its type stubs say.
_GraphParameters: Any = faiss.SearchParametersHNSW  # type: ignore[attr-defined]
_Parameters: Any = faiss.SearchParameters
_Bitmap: Any = faiss.IDSelectorBitmap
_Writer: Any = faiss.PyCallbackIOWriter  # type: ignore[attr-defined]


def write_vectors(path: Path, vectors: FloatArray) -> None:
    """Write (n, dimension) float32 rows of unit length. Raises EncoderError where they are not."""
    _refuse_odd(vectors)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    index = _exact(vectors) if len(vectors) <= EXACT_UP_TO else _graph(vectors)
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

    @property
    def shape(self) -> tuple[int, int]:
        """How many vectors, how wide."""
        return self._index.ntotal, self._index.d

    def search(self, vector: FloatArray, k: int, *, allowed: BoolArray | None) -> tuple[FloatArray, IntArray]:
        """Find the k nearest by inner product, best first, then by ordinal; fewer where fewer are allowed."""
        index, parameters = self._way(k, allowed)
        scores, ordinals = index.search(vector.reshape(1, -1), min(k, index.ntotal), params=parameters)
        found = ordinals[0] >= 0
        order = np.lexsort((ordinals[0][found], -scores[0][found]))
        return scores[0][found][order], ordinals[0][found][order]

    def _way(self, k: int, allowed: BoolArray | None) -> tuple[Any, Any]:
        """Compare all that are allowed while they are few; else go through the graph, further for fewer."""
        selector = None if allowed is None else _Bitmap(np.packbits(allowed, bitorder="little"))
        share = 1.0 if allowed is None else float(np.mean(allowed))
        if not isinstance(self._index, faiss.IndexHNSW):
            return self._index, _Parameters(sel=selector)
        if share * self._index.ntotal <= EXACT_UP_TO:
            return self._index.storage, _Parameters(sel=selector)
        effort = max(self._index.hnsw.efSearch, k) / share
        return self._index, _GraphParameters(sel=selector, efSearch=int(effort))

    def rows(self, ordinals: Sequence[int]) -> FloatArray:
        """Read the vectors themselves, in the order asked for."""
        rows: FloatArray = self._index.reconstruct_batch(np.asarray(ordinals, dtype=np.int64))
        return rows


def _exact(vectors: FloatArray) -> Any:
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _graph(vectors: FloatArray) -> Any:
    """Link each vector to near ones, and settle how far a search goes by what it then finds."""
    index: Any = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = CARE
    index.add(vectors)
    questions = _questions(vectors)
    nearest, _ = faiss.knn(questions, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)
    for index.hnsw.efSearch in _EFFORTS:
        # By score, since equal vectors may stand for one another.
        if np.mean(index.search(questions, 10)[0] >= nearest[:, -1:] - 1e-6) >= RECALL:
            break
    return index


def _questions(vectors: FloatArray) -> FloatArray:
    """Lean sampled vectors towards one another: as hard to find for as real questions, which they are not."""
    sample = vectors[np.random.default_rng(0).choice(len(vectors), _SAMPLE, replace=False)]
    mean = sample.mean(axis=0)
    leant = mean + 0.85 * (sample - mean) + 0.53 * (np.roll(sample, 1, axis=0) - mean)
    unit: FloatArray = leant / np.linalg.norm(leant, axis=1, keepdims=True)
    return unit


def _refuse_odd(vectors: FloatArray) -> None:
    odd = np.flatnonzero(~(np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < 2e-3))
    if len(odd):
        raise EncoderError(
            "some vectors are not of unit length",
            where=f"passage {odd[0]}",
            next_step="take an encoder that normalises its vectors",
        )
