"""Which model it is, told without loading it: a name and a hash."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from hds_bot.encoder.weights import SHA256
from hds_bot.errors import EncoderError

DEFAULT = "default"
"""multilingual-e5-small, from the pinned data file."""

_MODEL_FILES = frozenset({".json", ".txt", ".model", ".safetensors", ".bin"})
_WEIGHT_FILES = frozenset({".safetensors", ".bin"})
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def identity(name: str = DEFAULT) -> str:
    """Name and hash of a model: the default, a folder, or a hub name; EncoderError if it is none of them.

    A folder is hashed whole (configuration and weights). A hub name carries the revision in the local
    cache, where there is one. Neither loads a model nor touches the network.
    """
    if name == DEFAULT:
        return f"multilingual-e5-small@{SHA256[:12]}"
    if folder := local_folder(name):
        files = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in _model_files(folder))
        return f"{folder.name}@{_hash(folder, files)}"
    revision = _cached_revision(name)
    return f"{name}@{revision[:12]}" if revision else name


def local_folder(name: str) -> Path | None:
    """Find the folder that `name` means, None for a hub name; EncoderError if it can be neither."""
    with suppress(OSError, RuntimeError, ValueError):
        folder = Path(name).expanduser()
        if name and folder.is_dir():
            return folder.resolve()
    if _HUB_NAME.fullmatch(name) and not name.startswith("."):
        return None
    raise EncoderError("there is no such model folder", where=name or "--encoder", next_step=NEXT_STEP)


NEXT_STEP = (
    "check the name; name a sentence-transformers folder (--encoder ./folder) or a hub model "
    "(--encoder intfloat/multilingual-e5-small), or leave --encoder out for the default model"
)


def _model_files(folder: Path) -> list[Path]:
    # Looked for first: without either it may be any folder, and too large to walk through.
    described = any((folder / name).is_file() for name in ("modules.json", "config.json"))
    files = (
        [path for path in folder.rglob("*") if path.suffix in _MODEL_FILES and path.is_file()]
        if described
        else []
    )
    if not any(path.suffix in _WEIGHT_FILES for path in files):
        raise EncoderError("this folder holds no model", where=str(folder), next_step=NEXT_STEP)
    return sorted(files)


@lru_cache(maxsize=8)
def _hash(folder: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    """Of every file's path and content; sizes and times are there so that a changed file is read again."""
    whole = hashlib.sha256()
    for path, *_ in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return whole.hexdigest()[:12]


def _cached_revision(name: str) -> str:
    for repository in (name, f"sentence-transformers/{name}"):
        reference = _hub_cache() / f"models--{repository.replace('/', '--')}" / "refs" / "main"
        if reference.is_file():
            return reference.read_text(encoding="ascii").strip()
    return ""


def _hub_cache() -> Path:
    """Where `huggingface_hub` keeps models, by its own rules."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"
