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
"""Share of the ten nearest neighbours of sampled questions that a search has to find."""
_SHARES = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)
"""Of the cells: how many a search may have to look into."""
_TRAINING = 64
"""Vectors for each cell that cells and codes are learnt from."""
_BATCH = 1 << 16
_SAMPLE = 512
_IN_MEMORY_BYTES = 64 << 20
# FAISS widens these constructors at run time, past what its type stubs say.
_Parameters: Any = faiss.SearchParameters
_CellParameters: Any = faiss.SearchParametersIVF
_RotatedParameters: Any = faiss.SearchParametersPreTransform
_RefinedParameters: Any = faiss.IndexRefineSearchParameters
_Bitmap: Any = faiss.IDSelectorBitmap
_Writer: Any = faiss.PyCallbackIOWriter  # type: ignore[attr-defined]


def write_vectors(path: Path, vectors: FloatArray) -> None:
    """Write (n, dimension) float32 rows of unit length. Raises EncoderError where they are not."""
    _refuse_odd(vectors)
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
        found, ordinals = index.search(vector.reshape(1, -1), k, params=parameters)
        scores, ordinals = _cosines(index, found)[ordinals >= 0], ordinals[ordinals >= 0]
        order = np.lexsort((ordinals, -scores))
        return scores[order], ordinals[order]

    def _way(self, k: int, allowed: BoolArray | None) -> tuple[Any, Any]:
        """Compare all that are allowed while they are few; else go by codes, into more cells for fewer."""
        selector = None if allowed is None else _Bitmap(np.packbits(allowed, bitorder="little"))
        share = 1.0 if allowed is None else float(np.mean(allowed))
        if self._index is self._exact or share * self._index.ntotal <= EXACT_UP_TO:
            return self._exact, _Parameters(sel=selector)
        return self._index, _by_codes(self._index, k, selector, share)

    def rows(self, ordinals: Sequence[int]) -> FloatArray:
        """Read the vectors themselves, in the order asked for."""
        rows: FloatArray = self._exact.reconstruct_batch(np.asarray(ordinals, dtype=np.int64))
        return rows


def _exact(vectors: FloatArray) -> Any:
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _coded(vectors: FloatArray) -> Any:
    """Put 4-bit codes into cells, the vectors beside them, and settle how many cells hold the neighbours.

    A rotation comes first, so that no dimension varies much more than others: each two of them share a code.
    Distances instead of inner products: of unit vectors they give the same order, and better cells.
    """
    width = vectors.shape[1] + vectors.shape[1] % 2
    cells = int(len(vectors) ** 0.5)
    inverted: Any = faiss.IndexIVFPQFastScan(faiss.IndexFlatL2(width), width, cells, width // 2, 4)
    inverted.by_residual = False
    codes: Any = faiss.IndexPreTransform(faiss.RandomRotationMatrix(vectors.shape[1], width), inverted)
    codes.train(_sample(vectors, _TRAINING * cells))
    exact: Any = faiss.IndexFlatL2(vectors.shape[1])
    for batch in np.array_split(vectors, len(vectors) // _BATCH + 1):
        codes.add(batch)
        exact.add(batch)
    index: Any = faiss.IndexRefine(codes, exact)
    inverted.nprobe = _probes(index, vectors, cells)
    return index


def _probes(index: Any, vectors: FloatArray, cells: int) -> int:
    """Give the fewest cells in which sampled questions find their neighbours."""
    questions = _questions(vectors)
    nearest, _ = faiss.knn(questions, vectors, 10, metric=faiss.METRIC_INNER_PRODUCT)
    inverted = faiss.extract_index_ivf(index.base_index)
    for inverted.nprobe in (int(np.ceil(share * cells)) for share in _SHARES):
        found = index.search(questions, 10, params=_by_codes(index, 10, None, 1.0))[0]
        # By score, since equal vectors may stand for one another.
        if np.mean(_cosines(index, found) >= nearest[:, -1:] - 1e-6) >= RECALL:
            break
    return int(inverted.nprobe)


def _by_codes(index: Any, k: int, selector: Any, share: float) -> Any:
    """Look into the cells that were settled on, more where only a share of the vectors may be found."""
    inverted = faiss.extract_index_ivf(index.base_index)
    probes = min(inverted.nlist, int(np.ceil(inverted.nprobe / share)))
    cells = _RotatedParameters(index_params=_CellParameters(nprobe=probes, sel=selector))
    return _RefinedParameters(k_factor=max(CANDIDATES, FEWEST / k), base_index_params=cells)


def _cosines(index: Any, found: FloatArray) -> FloatArray:
    """Turn what FAISS gives for unit vectors, squared distances or inner products, into cosines."""
    return found if index.metric_type == faiss.METRIC_INNER_PRODUCT else 1 - found / np.float32(2)


def _questions(vectors: FloatArray) -> FloatArray:
    """Lean sampled vectors towards one another: as hard to find for as real questions, which they are not."""
    sample = _sample(vectors, _SAMPLE)
    mean = sample.mean(axis=0)
    leant = mean + 0.85 * (sample - mean) + 0.53 * (np.roll(sample, 1, axis=0) - mean)
    unit: FloatArray = leant / np.linalg.norm(leant, axis=1, keepdims=True)
    return unit


def _sample(vectors: FloatArray, count: int) -> FloatArray:
    drawn = np.random.default_rng(0).choice(len(vectors), min(count, len(vectors)), replace=False)
    return vectors[drawn]


def _refuse_odd(vectors: FloatArray) -> None:
    odd = np.flatnonzero(~(np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < 2e-3))
    if len(odd):
        raise EncoderError(
            "some vectors are not of unit length",
            where=f"passage {odd[0]}",
            next_step="take an encoder that normalises its vectors",
        )
