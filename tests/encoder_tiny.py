"""A model of a few kilobytes in the E5S1 format, for what doesn't depend on meaning."""

from __future__ import annotations

import struct
from itertools import accumulate

import numpy as np

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 1, 2, 64, 512
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    *"abcdefghijklmnopqrstuvwxyz:é",
    "▁query",
    "▁passage",
    "<mask>",
]
MATRICES = {
    "emb.word": (len(PIECES) + 3, HIDDEN),
    **{f"l0.{part}.w": (HIDDEN, HIDDEN) for part in ("q", "k", "v", "ao")},
    "l0.fi.w": (INNER, HIDDEN),
    "l0.fo.w": (HIDDEN, INNER),
}
VECTORS = {
    "emb.pos": POSITIONS * HIDDEN,
    "emb.type": HIDDEN,
    **{f"{norm}.{end}": HIDDEN for norm in ("emb.ln", "l0.aln", "l0.oln") for end in "wb"},
    **{f"l0.{part}.b": HIDDEN for part in ("q", "k", "v", "ao", "fo")},
    "l0.fi.b": INNER,
}


def e5s1() -> bytes:
    """The bytes of a whole file: header, vocabulary, normalisation map, tensors."""
    header = struct.pack(
        "<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, HEADS, INNER, len(PIECES) + 3, POSITIONS, 1, 1e-12, 32
    )
    return _with_tensors(header + _vocabulary() + struct.pack("<iI", 0, 0))


def q4(rows: int, columns: int, seed: int = 0) -> bytes:
    """Random Q4_0 blocks: a half-precision scale, then 16 bytes of two weights each."""
    draw = np.random.default_rng(seed)
    blocks = np.zeros(rows * columns // 32, np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))]))
    blocks["scale"] = draw.uniform(0.01, 0.05, len(blocks))
    blocks["nibbles"] = draw.integers(0, 256, (len(blocks), 16))
    return blocks.tobytes()


def _vocabulary() -> bytes:
    texts = [piece.encode() for piece in PIECES]
    scores = [0.0 if piece.startswith("<") else -1.0 - i for i, piece in enumerate(PIECES)]
    blob = b"".join(texts)
    head = struct.pack("<5iQ", len(texts), 0, 2, 1, 3, len(blob))
    offsets = [0, *accumulate(map(len, texts))]
    return head + struct.pack(f"<{len(offsets)}I{len(scores)}f", *offsets, *scores) + blob


def _with_tensors(start: bytes) -> bytes:
    matrices = {name: (1, r * c, q4(r, c, i)) for i, (name, (r, c)) in enumerate(MATRICES.items())}
    vectors = {name: (0, n, np.linspace(0.5, 1.5, n, dtype="<f4").tobytes()) for name, n in VECTORS.items()}
    tensors = matrices | vectors
    at = len(start) + 4 + sum(2 + len(name) + 21 for name in tensors)
    table = struct.pack("<i", len(tensors))
    for name, (kind, elements, raw) in tensors.items():
        table += struct.pack(f"<H{len(name)}sBIQQ", len(name), name.encode(), kind, elements, at, len(raw))
        at += len(raw)
    return start + table + b"".join(raw for _, _, raw in tensors.values())
