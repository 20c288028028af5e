"""Unit vectors in FAISS: exact inner product, read into memory while small, memory-mapped beyond."""

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
_IN_MEMORY_BYTES = 64 << 20
# FAISS widens these constructors at run time, past what its type stubs say.
_SearchParameters: Any = faiss.SearchParameters
_IDSelectorBitmap: Any = faiss.IDSelectorBitmap
_PyCallbackIOWriter: Any = faiss.PyCallbackIOWriter  # type: ignore[attr-defined]


def write_vectors(path: Path, vectors: FloatArray) -> None:
    """Write (n, dimension) float32 rows of unit length. Raises EncoderError where they are not."""
    _refuse_odd(vectors)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    # Through Python's own file: FAISS's only prints that closing failed, as it does on a full disk.
    with path.open("wb") as file:
        faiss.write_index(index, _PyCallbackIOWriter(file.write))


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
        selector = None if allowed is None else _IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        scores, ordinals = self._index.search(
            vector.reshape(1, -1), min(k, self._index.ntotal), params=_SearchParameters(sel=selector)
        )
        found = ordinals[0] >= 0
        order = np.lexsort((ordinals[0][found], -scores[0][found]))
        return scores[0][found][order], ordinals[0][found][order]

    def rows(self, ordinals: Sequence[int]) -> FloatArray:
        """Read the vectors themselves, in the order asked for."""
        rows: FloatArray = self._index.reconstruct_batch(np.asarray(ordinals, dtype=np.int64))
        return rows


def _refuse_odd(vectors: FloatArray) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-3):
        raise EncoderError(
            "some vectors are not of unit length",
            where=f"passage {int(np.argmax(~(np.abs(lengths - 1) < 1e-3)))}",
            next_step="take an encoder that normalises its vectors",
        )
