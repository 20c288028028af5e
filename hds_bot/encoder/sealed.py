"""A folder that knows the hashes of its own files, written in one piece."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def seal(folder: Path, manifest: str, facts: dict[str, Any]) -> None:
    """Write `manifest` into `folder`: the given facts, and the size and SHA-256 of every file there."""
    files = {path.relative_to(folder).as_posix(): _entry(path) for path in _files(folder)}
    text = json.dumps({**facts, "files": files}, indent=2, ensure_ascii=False)
    (folder / manifest).write_text(text + "\n", encoding="utf-8")


def read_seal(folder: Path, manifest: str) -> dict[str, Any]:
    """Read the facts that `seal` wrote; ValueError or OSError if they can't be read."""
    facts = json.loads((folder / manifest).read_text(encoding="utf-8"))
    if not isinstance(facts, dict) or not isinstance(facts.get("files"), dict):
        raise ValueError(f"{manifest} names no files")
    return facts


def damage(folder: Path, facts: dict[str, Any], *, sizes_only: bool = False) -> str:
    """Name the first file that is missing, of another size or altered, in words; empty if all is well."""
    for name, entry in facts["files"].items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != entry["size"]:
            return f"{name} has {path.stat().st_size} bytes instead of {entry['size']}"
        if not sizes_only and sha256(path) != entry["sha256"]:
            return f"{name} was altered: its SHA-256 differs"
    return ""


def sha256(path: Path) -> str:
    """Of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _entry(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}
