"""Many texts, in batches of like length, with the rows in the caller's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hds_bot.types import FloatArray, Progress

EncodeBatch = Callable[[Sequence[str]], FloatArray]


def encode_in_batches(
    texts: Sequence[str],
    encode: EncodeBatch,
    *,
    dimension: int,
    size: int,
    progress: Progress | None = None,
) -> FloatArray:
    """(len(texts), dimension) float32; neighbours in length share a batch, so that little is padded."""
    vectors = np.empty((len(texts), dimension), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        vectors[batch] = encode([texts[i] for i in batch])
        if progress:
            progress(start + len(batch), len(order))
    return vectors
