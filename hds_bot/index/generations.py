"""Which generation is in force: the CURRENT file, its atomic replacement, and opening while builds go on."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hds_bot.errors import IndexDamaged, IndexMissing

BUILD = "hds-bot index build"
_NAME = re.compile(r"[0-9a-f]{12}-(\d+)")
_Loaded = TypeVar("_Loaded")


def current_generation(root: Path) -> str | None:
    """Name the generation in force, None where there is no index: one small read, for hot reload."""
    path = root / "CURRENT"
    try:
        name = path.read_bytes().decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    if not _NAME.fullmatch(name):
        raise IndexDamaged("does not name a generation", where=str(path), next_step=BUILD)
    return name


def open_current(root: Path, load: Callable[[Path], _Loaded]) -> _Loaded:
    """Load from the folder of the generation in force; again where a build swapped it meanwhile.

    Raises IndexMissing where there is none, and whatever `load` raises on a generation that stays in force.
    """
    while True:
        name = current_generation(root)
        if name is None:
            raise IndexMissing("there is no index yet", where=str(root), next_step=BUILD)
        try:
            return load(root / "generations" / name)
        except (OSError, IndexDamaged) as error:
            if name != current_generation(root):
                continue
            if isinstance(error, IndexDamaged):
                raise
            raise unreadable(root, error) from error


def unreadable(path: Path | str, why: object) -> IndexDamaged:
    """Say that a part of the index can't be read, why, and what to do."""
    denied = isinstance(why, PermissionError)
    next_step = "give this user the right to read it" if denied else BUILD
    return IndexDamaged(f"is unreadable ({why})", where=str(path), next_step=next_step)


def next_name(root: Path, content: str) -> str:
    """Make a name never used in this folder: its content (12 hex digits) and a running number."""
    folders = (root / "generations").iterdir()
    names = [folder.name for folder in folders] + [_current_or_nothing(root)]
    numbers = [int(match[1]) for match in map(_NAME.fullmatch, names) if match]
    return f"{content[:12]}-{max(numbers, default=0) + 1}"


def put_in_force(root: Path, name: str) -> None:
    """Point CURRENT at a sealed generation: readers see the old name or the new one, never a part."""
    draft = root / "CURRENT.new"
    with draft.open("w", encoding="ascii") as file:
        file.write(name + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, root / "CURRENT")
    sync_folder(root)


def remove_others(root: Path) -> None:
    """Remove every generation but the one in force, and what dead builds left. Under the build lock only."""
    keep = _current_or_nothing(root)
    (root / "CURRENT.new").unlink(missing_ok=True)
    for folder in (root / "generations").iterdir():
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _current_or_nothing(root: Path) -> str:
    """Name the generation in force; nothing where CURRENT is missing or malformed, which a build mends."""
    try:
        return current_generation(root) or ""
    except IndexDamaged as error:
        if isinstance(error.__cause__, OSError):
            raise
        return ""
