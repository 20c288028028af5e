"""Any sentence-transformers model as an `Encoder`: the way in for building, and the reference."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING

from hds_bot.encoder.batches import encode_in_batches
from hds_bot.encoder.folder import write_folder
from hds_bot.encoder.identity import DEFAULT, NEXT_STEP, identity, local_folder
from hds_bot.encoder.sealed import damage, read_seal, seal
from hds_bot.encoder.text import clean
from hds_bot.encoder.weights import SHA256, load_weights
from hds_bot.errors import EncoderError
from hds_bot.types import Encoder, FloatArray, Progress

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_MANIFEST = "prepared.json"
_LAYOUT = 1
"""Raised when `write_folder` writes something else, so that an older prepared folder is left alone."""
_BATCH = 32
_PREFIX = ".preparing-"
_NO_HUB = (
    "leave --encoder out for the default model, which needs no hub; name a sentence-transformers folder; "
    "or set HF_ENDPOINT to a mirror"
)
_ABANDONED = 3600
"""Seconds after which a half-written folder belongs to nobody."""


def reference_encoder(name: str = DEFAULT, *, cache: Path | None = None) -> Encoder:
    """Load the model `name` through sentence-transformers: the default, a hub name, or a local folder.

    The default is written once into `cache` (the user's cache folder), checked by hash at each use. Only a
    hub name that is not cached yet touches the network. EncoderError if the model can't be had or loaded.
    """
    if name == DEFAULT:
        return ReferenceEncoder(_load(str(prepare(cache or default_cache())), offline=True), identity(name))
    if folder := local_folder(name):
        known = identity(name)
        return ReferenceEncoder(_load(str(folder), offline=True), known)
    model = _load_hub(name)
    # Only now: the download has told the revision.
    return ReferenceEncoder(model, identity(name))


def default_cache() -> Path:
    """Where the default model is kept between runs."""
    from platformdirs import user_cache_path

    return user_cache_path("hds-bot") / "encoder"


def prepare(cache: Path) -> Path:
    """Give the default model's folder in `cache`, written if missing or damaged; two at once are safe."""
    target = cache / f"multilingual-e5-small-{SHA256[:12]}-{_LAYOUT}"
    if _intact(target):
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _sweep(cache)
        with TemporaryDirectory(dir=cache, prefix=_PREFIX) as temporary:
            fresh = Path(temporary) / "fresh"
            _write(fresh)
            _put(fresh, target, aside=Path(temporary) / "damaged")
    except OSError as error:
        next_step = "free 1 GB there, make it writable, or set XDG_CACHE_HOME to another disk"
        raise EncoderError(
            f"can't prepare the model ({error})", where=str(cache), next_step=next_step
        ) from error
    return target


class ReferenceEncoder:
    """Text to unit vectors through sentence-transformers, with the model's own prompts."""

    def __init__(self, model: SentenceTransformer, identity: str) -> None:
        self._model, self._identity, self._lock = model, identity, Lock()
        self._query = _prompt(model, "query")
        self._passage = _prompt(model, "passage", "document", "corpus")

    @property
    def identity(self) -> str:
        """Name and hash of the weights."""
        return self._identity

    @property
    def dimension(self) -> int:
        """Width of a vector."""
        return int(_dimension(self._model))

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), dimension) float32 rows of unit length."""
        return self._encode(texts, self._query)

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        """(len(texts), dimension) float32 rows of unit length."""
        return self._encode(texts, self._passage, progress)

    def _encode(self, texts: Sequence[str], prompt: str, progress: Progress | None = None) -> FloatArray:
        encode = partial(self._forward, prompt)
        return encode_in_batches(texts, encode, dimension=self.dimension, size=_BATCH, progress=progress)

    def _forward(self, prompt: str, texts: Sequence[str]) -> FloatArray:
        # A fast tokenizer can't be shared by two threads at once.
        with self._lock:
            vectors: FloatArray = self._model.encode(
                [clean(text) for text in texts],
                prompt=prompt,
                batch_size=_BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return vectors


def _prompt(model: SentenceTransformer, *names: str) -> str:
    """Pick the first prompt of those names that says something; none for a model without prompts."""
    return next((prompt for name in names if (prompt := model.prompts.get(name))), "")


def _dimension(model: SentenceTransformer) -> int:
    ask = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
    return ask() or 0


def _load_hub(name: str) -> SentenceTransformer:
    """From the local cache of the hub if it is there, else from the hub."""
    try:
        return _load(name, offline=True)
    except EncoderError:
        _reach_hub(name)
        return _load(name, offline=False)


def _reach_hub(name: str) -> None:
    """Ask once: on its own the hub's client retries for a minute before it gives up."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=10)
    except Exception as error:
        what = f"it is not in the local cache, and the model hub can't be reached ({error})"
        raise EncoderError(what, where=name, next_step=_NO_HUB) from error


def _load(name: str, *, offline: bool) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer

        with _quiet():
            return SentenceTransformer(name, local_files_only=offline)
    except ImportError as error:
        next_step = "pip install 'hds-bot[build]'"
        raise EncoderError(f"{error.name} is not installed", where=name, next_step=next_step) from error
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise EncoderError(f"can't be loaded ({reason})", where=name, next_step=NEXT_STEP) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars that `transformers` draws for a load of two seconds."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _intact(folder: Path) -> bool:
    try:
        return not damage(folder, read_seal(folder, _MANIFEST))
    except (OSError, ValueError):
        return False


def _write(folder: Path) -> None:
    folder.mkdir()
    write_folder(folder, load_weights())
    seal(folder, _MANIFEST, {"layout": _LAYOUT, "identity": identity()})


def _put(fresh: Path, target: Path, *, aside: Path) -> None:
    """Rename `fresh` to `target`, unless another process has put a good one there meanwhile."""
    try:
        os.rename(fresh, target)
    except OSError:
        if _intact(target):
            return
        os.rename(target, aside)
        os.rename(fresh, target)


def _sweep(cache: Path) -> None:
    """Remove what a killed process left half-written."""
    for folder in cache.glob(f"{_PREFIX}*"):
        # Another process may be done with its own just now.
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < time.time() - _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)
