"""A folder that knows the hashes of its own files, written in one piece."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SEAL = "seal"


def seal(folder: Path, manifest: str, facts: dict[str, Any]) -> None:
    """Write `manifest` into `folder`: the facts, size and SHA-256 of every file, its own hash."""
    files = {path.relative_to(folder).as_posix(): _entry(path) for path in _files(folder)}
    facts = {**facts, "files": files}
    text = json.dumps({**facts, _SEAL: _digest(facts)}, indent=2, ensure_ascii=False)
    (folder / manifest).write_text(text + "\n", encoding="utf-8")
    # Some writers keep their files to their owner; whoever may read the manifest may read the rest.
    for name in files:
        (folder / name).chmod((folder / manifest).stat().st_mode & 0o777)


def read_seal(folder: Path, manifest: str) -> dict[str, Any]:
    """Read the facts that `seal` wrote; ValueError if they were altered, OSError if unreadable."""
    facts = json.loads((folder / manifest).read_text(encoding="utf-8"))
    if not isinstance(facts, dict) or facts.pop(_SEAL, "") != _digest(facts):
        raise ValueError("it was altered: its own hash differs")
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


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _entry(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256(path)}
