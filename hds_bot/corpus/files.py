"""The files of a corpus folder, found and loaded without leaving it."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from hds_bot.corpus.limits import MAX_BYTES
from hds_bot.errors import CorpusError

SIDE_SUFFIX = ".meta.yaml"
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def find_files(root: Path) -> list[Path]:
    """Every visible file below the folder, sorted by name; links to folders are not followed."""
    if not root.exists():
        raise CorpusError(
            "no such folder", where=str(root), next_step="create it, or name another with --corpus DIR"
        )
    if not root.is_dir():
        raise CorpusError(
            "not a folder", where=str(root), next_step="name the folder that holds the documents"
        )
    return sorted(_walk(root), key=lambda path: name_of(path, root))


def stamp(root: Path) -> frozenset[tuple[str, int, int]]:
    """Give name, size and time of change of every visible file: what differs once one was touched."""
    stamps = set()
    for path in find_files(root):
        # A file that goes while it is looked at is a change that the next look sees.
        with suppress(FileNotFoundError):
            status = os.stat(path)
            stamps.add((str(path), status.st_size, status.st_mtime_ns))
    return frozenset(stamps)


def name_of(path: Path, root: Path) -> str:
    """Path inside the corpus, with forward slashes and composed accents, whatever the system."""
    inside, prefix = os.fspath(path), os.path.join(root, "")
    # Thousands of names are made in a build: `relpath` asks for the working directory each time.
    plain = inside.startswith(prefix) and ".." not in inside
    relative = inside[len(prefix) :] if plain else os.path.relpath(path, root)
    return unicodedata.normalize("NFC", relative.replace(os.sep, "/"))


def leaves(path: Path, root: Path) -> bool:
    """Whether a path leads, through a link, out of the corpus."""
    home, real = os.path.realpath(root), os.path.realpath(path)
    return real != home and not real.startswith(os.path.join(home, ""))


def load(path: Path, root: Path) -> bytes:
    """Bytes of a regular file inside the corpus that holds still while it is read."""
    where = str(path)
    if leaves(path, root):
        raise CorpusError(
            "a path that leaves the corpus", where=where, next_step="copy the file into the folder instead"
        )
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for ever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as file:
            before = os.fstat(file.fileno())
            _refuse_size(before, where)
            data = file.read(before.st_size + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise CorpusError(
            f"can't be read: {error.strerror}", where=where, next_step="check the file and its permissions"
        ) from error
    if len(data) != before.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise CorpusError(
            "the file changed while it was read",
            where=where,
            next_step="wait until it is saved, then try again",
        )
    return data


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, onerror=_unreadable_folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield from (Path(folder, name) for name in (*files, *linked) if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$"))


def _unreadable_folder(error: OSError) -> NoReturn:
    raise CorpusError(
        f"the folder can't be read: {error.strerror}",
        where=str(error.filename),
        next_step="check its permissions",
    ) from error


def _refuse_size(status: os.stat_result, where: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CorpusError("not a regular file", where=where, next_step="replace it by the document itself")
    if status.st_size > MAX_BYTES:
        raise CorpusError(
            f"{status.st_size / 2**20:.0f} MB, more than the {MAX_BYTES // 2**20} MB allowed",
            where=where,
            next_step="cut the document in parts",
        )
