"""Unit vectors in FAISS: exact inner product while that is fast, a mapped inverted file beyond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from hds_bot.errors import EncoderError
from hds_bot.index.generations import unreadable
from hds_bot.types import FloatArray

NAME = "vectors.faiss"
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
EXACT_UP_TO = 50_000
"""Vectors that are all compared: some 8 ms for 384 dimensions; `docs/scale.md` has the measurements."""
_RECALL = 0.99
"""Of the ten nearest neighbours of sampled vectors, the share that a search has to find."""
_SAMPLE = 256
_IN_MEMORY_BYTES = 64 << 20
# FAISS widens these constructors at run time, past what its type stubs say.
_IVFParameters: Any = faiss.SearchParametersIVF
_Parameters: Any = faiss.SearchParameters
_Bitmap: Any = faiss.IDSelectorBitmap
_Writer: Any = faiss.PyCallbackIOWriter  # type: ignore[attr-defined]


def write_vectors(path: Path, vectors: FloatArray) -> None:
    """Write (n, dimension) float32 rows of unit length. Raises EncoderError where they are not."""
    _refuse_odd(vectors)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    index = _exact(vectors) if len(vectors) <= EXACT_UP_TO else _inverted(vectors)
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
        scores, ordinals = self._index.search(
            vector.reshape(1, -1), min(k, self._index.ntotal), params=self._parameters(allowed)
        )
        found = ordinals[0] >= 0
        order = np.lexsort((ordinals[0][found], -scores[0][found]))
        return scores[0][found][order], ordinals[0][found][order]

    def rows(self, ordinals: Sequence[int]) -> FloatArray:
        """Read the vectors themselves, in the order asked for."""
        if isinstance(self._index, faiss.IndexIVF):
            self._index.make_direct_map()
        rows: FloatArray = self._index.reconstruct_batch(np.asarray(ordinals, dtype=np.int64))
        return rows

    def _parameters(self, allowed: BoolArray | None) -> Any:
        """Search the allowed alone: the fewer they are, the more cells, so that as many are compared."""
        selector = None if allowed is None else _Bitmap(np.packbits(allowed, bitorder="little"))
        if not isinstance(self._index, faiss.IndexIVF):
            return _Parameters(sel=selector)
        share = 1.0 if allowed is None else float(np.mean(allowed))
        probes = np.ceil(self._index.nprobe / max(share, 1e-9))
        return _IVFParameters(sel=selector, nprobe=int(min(self._index.nlist, probes)))


def _exact(vectors: FloatArray) -> Any:
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _inverted(vectors: FloatArray) -> Any:
    """Sort the vectors into cells, and settle how many cells a search looks into by what it then finds."""
    count, dimension = vectors.shape
    cells = int(4 * np.sqrt(count))
    index: Any = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(dimension), dimension, cells, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter, index.cp.max_points_per_centroid = 10, 64
    index.train(vectors)
    index.add(vectors)
    _settle_probes(index, vectors)
    return index


def _settle_probes(index: Any, vectors: FloatArray) -> None:
    """Look into ever more cells until `_RECALL` of the true nearest neighbours are found."""
    sample = np.random.default_rng(0).choice(len(vectors), _SAMPLE, replace=False)
    nearest, _ = faiss.knn(vectors[sample], vectors, 11, metric=faiss.METRIC_INNER_PRODUCT)
    index.nprobe = 8
    while index.nprobe < index.nlist:
        found, _ = index.search(vectors[sample], 11)
        # By score, since equal vectors may stand for one another; the first is the vector itself.
        if np.mean(found[:, 1:] >= nearest[:, 10:] - 1e-6) >= _RECALL:
            return
        index.nprobe = min(index.nlist, index.nprobe * 5 // 4 + 1)


def _refuse_odd(vectors: FloatArray) -> None:
    odd = np.flatnonzero(~(np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < 2e-3))
    if len(odd):
        raise EncoderError(
            "some vectors are not of unit length",
            where=f"passage {odd[0]}",
            next_step="take an encoder that normalises its vectors",
        )
