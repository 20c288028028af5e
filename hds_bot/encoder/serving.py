"""The light form of the default model: onnxruntime and `tokenizers`, nothing else, open in a blink."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hds_bot.encoder.batches import encode_in_batches
from hds_bot.encoder.identity import DEFAULT, identity
from hds_bot.encoder.pieces import PieceTokenizer, write_pieces
from hds_bot.encoder.sealed import damage, read_seal, seal
from hds_bot.encoder.text import MAX_TOKENS, PROMPTS, SPECIAL, clean
from hds_bot.encoder.weights import load_weights
from hds_bot.errors import EncoderError
from hds_bot.graphs import open_graph
from hds_bot.types import Encoder, FloatArray, Progress

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MANIFEST, GRAPH, PIECES = "serving.json", "encoder.onnx", "pieces.sqlite"
_FORMAT = 4
_BATCH = 4
"""Texts at a time: more is no faster on a CPU, and four of 512 tokens take 100 MB."""
_PAD = SPECIAL.index("<pad>")
_REBUILD = "rebuild it: hds-bot index build"


def compile_serving(target: Path, *, name: str = DEFAULT) -> bool:
    """Write the serving form into the new folder `target`; False, and nothing, for any model but the default.

    EncoderError if the weights are missing or altered, or if the folder can't be written.
    """
    if name != DEFAULT:
        return False
    weights = load_weights()
    facts = {
        "format": _FORMAT,
        "identity": identity(name),
        "dimension": weights.shape.hidden,
        "max_tokens": MAX_TOKENS,
        "prompts": PROMPTS,
    }
    try:
        from hds_bot.encoder.compiled import READ_LAYER, write_graph

        facts["read_layer"] = READ_LAYER

        target.mkdir(parents=True, exist_ok=False)
        write_graph(target / GRAPH, weights)
        write_pieces(target / PIECES, weights.pieces)
        seal(target, MANIFEST, facts)
    except ImportError as error:
        raise EncoderError(
            f"compiling needs {error.name}", next_step="pip install 'hds-bot[build]'"
        ) from error
    except (OSError, sqlite3.Error) as error:
        next_step = "give a new folder on a disk with 100 MB free"
        raise EncoderError(f"can't be written ({error})", where=str(target), next_step=next_step) from error
    return True


def serving_available(target: Path) -> bool:
    """Whether `target` holds a serving form of this version, whole as far as its files' sizes tell."""
    try:
        return not damage(target, _facts(target), sizes_only=True)
    except EncoderError:
        return False


def open_serving(target: Path) -> Encoder:
    """Open the encoder in `target`, checked by hash; EncoderError if it is missing, truncated or altered.

    Safe between threads. Uses `HDS_BOT_THREADS` threads, by default two (one on a single core).
    """
    facts = _facts(target)
    if broken := damage(target, facts):
        raise EncoderError(f"the encoder is damaged: {broken}", where=str(target), next_step=_REBUILD)
    try:
        return ServingEncoder(open_graph(target / GRAPH), PieceTokenizer(target / PIECES), facts)
    except Exception as error:
        raise EncoderError(
            f"the encoder can't be opened ({error})", where=str(target), next_step=_REBUILD
        ) from error


class ServingEncoder:
    """Text to unit vectors by a compiled graph; the `Encoder` that `open_serving` gives."""

    def __init__(
        self, session: InferenceSession, tokenizer: PieceTokenizer, facts: Mapping[str, Any]
    ) -> None:
        self._session, self._tokenizer = session, tokenizer
        self._identity, self._dimension = str(facts["identity"]), int(facts["dimension"])
        self._prompts = dict(facts["prompts"])

    @property
    def identity(self) -> str:
        """Name and hash of the weights, the same as the reference encoder's."""
        return self._identity

    @property
    def dimension(self) -> int:
        """Width of a vector."""
        return self._dimension

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), dimension) float32 rows of unit length."""
        return self._encode(texts, self._prompts["query"])

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        """(len(texts), dimension) float32 rows of unit length."""
        return self._encode(texts, self._prompts["passage"], progress)

    def read_queries(self, texts: Sequence[str]) -> tuple[FloatArray, tuple[FloatArray, ...]]:
        """Vectors as `encode_queries` gives them, and for each text its (tokens, width) states."""
        if not texts:
            return self.encode_queries(texts), ()
        read = [self._run(self._prompts["query"], [text], "vectors", "states") for text in texts]
        return np.concatenate([vectors for vectors, _ in read]), tuple(states[0] for _, states in read)

    def _encode(self, texts: Sequence[str], prompt: str, progress: Progress | None = None) -> FloatArray:
        encode = partial(self._forward, prompt)
        return encode_in_batches(texts, encode, dimension=self._dimension, size=_BATCH, progress=progress)

    def _forward(self, prompt: str, texts: Sequence[str]) -> FloatArray:
        return self._run(prompt, texts, "vectors")[0]

    def _run(self, prompt: str, texts: Sequence[str], *outputs: str) -> list[FloatArray]:
        rows = [self._tokenizer.encode(prompt + clean(text)) for text in texts]
        ids = np.full((len(rows), max(map(len, rows))), _PAD, np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = row, 1
        found: list[FloatArray] = self._session.run(list(outputs), {"input_ids": ids, "attention_mask": mask})
        return found


def _facts(target: Path) -> dict[str, Any]:
    try:
        facts = read_seal(target, MANIFEST)
    except FileNotFoundError as error:
        raise EncoderError(
            "there is no serving encoder here", where=str(target), next_step=_REBUILD
        ) from error
    except (OSError, ValueError) as error:
        raise EncoderError(
            f"can't be read ({error})", where=str(target / MANIFEST), next_step=_REBUILD
        ) from error
    if facts.get("format") != _FORMAT or not {GRAPH, PIECES} <= facts["files"].keys():
        raise EncoderError("was written by another version", where=str(target / MANIFEST), next_step=_REBUILD)
    return facts
