"""Programs that break a build on purpose, run as `python index_faults.py NAME FOLDER` by its test.

They kill, fill file systems and give up rights, which the process that runs the tests must not do itself,
and report each trial as a line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from index_builds import build, corpus, folders, tree, unit_vectors, word_of

from hds_bot.errors import HdsBotError, IndexMissing
from hds_bot.index import Index, new_generation, vectors, writer
from hds_bot.types import FloatArray, Passage

BALLAST = "ballast"
_NOBODY = 65534


# -- kill -9 at every step ----------------------------------------------------------------


def killed(folder: Path, *, before: str | None = "old") -> None:
    """Kill a build at its first step, at its second, and so on until one comes through."""
    for step in count(1):
        root = folder / str(step)
        if before:
            _in_a_child(partial(build, root, word=before))
        status = _in_a_child(partial(_build_and_die, root, step))
        if status == 0:
            break
        _report(step=step, status=status, seen=_seen(root), mended=_mended(root))
        shutil.rmtree(root)


def killed_first(folder: Path) -> None:
    """The same where there is no index yet."""
    killed(folder, before=None)


def _build_and_die(root: Path, step: int) -> None:
    """Build, dying where the n-th change to the file system is about to be made or is half made."""
    steps = count(1)

    def take() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch_calls(take)
    _watch_the_middle_of_files(take)
    build(root, word="new")


def _watch_calls(take: Callable[[], None]) -> None:
    changing = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect"}
    sync = os.fsync

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in changing or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            take()

    def synced(fd: Any) -> None:
        take()
        sync(fd)

    sys.addaudithook(audit)
    os.fsync = synced


def _watch_the_middle_of_files(take: Callable[[], None]) -> None:
    """Calls into C are seen by no audit: stop half-way through the vectors and through the passages."""
    write_vectors = vectors.write_vectors

    def half_vectors(path: Path, vectors: FloatArray) -> None:
        write_vectors(path, vectors)
        whole = path.read_bytes()
        os.truncate(path, len(whole) // 2)
        take()
        path.write_bytes(whole)

    class Watched(list[Passage]):
        def __iter__(self) -> Iterator[Passage]:
            for passage in super().__iter__():
                take()
                yield passage

    write = writer.IndexWriter.write
    writer.IndexWriter.write = lambda self, documents, passages, rows: write(  # type: ignore[method-assign]
        self, documents, Watched(passages), rows
    )
    vectors.write_vectors = half_vectors


def _seen(root: Path) -> str:
    """What a reader finds after the crash."""
    try:
        with Index.open(root, verification="full") as index:
            return word_of(index)
    except IndexMissing:
        return "nothing"


def _mended(root: Path) -> bool:
    """Whether the next build works and leaves one generation, nothing beside."""
    build(root, word="newer")
    with Index.open(root, verification="full") as index:
        at_root = sorted(path.name for path in root.iterdir())
        return (
            word_of(index) == "newer"
            and folders(root) == [index.generation]
            and at_root == ["CURRENT", "LOCK", "generations"]
        )


def _in_a_child(task: Callable[[], object]) -> int:
    """Exit status of a forked child, minus the signal where one ended it."""
    child = os.fork()
    if not child:
        task()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# -- a disk that fills up -----------------------------------------------------------------


def full_disk(folder: Path) -> None:
    """Build on a small file system with ever more room left, from none, until the build fits."""
    root = folder / "index"
    build(root, word="old")
    _fill(folder / BALLAST)
    while _fails(root):
        os.truncate(folder / BALLAST, (folder / BALLAST).stat().st_size - 4096)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def file_size_limit(folder: Path) -> None:
    """Build with ever larger files allowed, from none, until the build fits."""
    root = folder / "index"
    build(root, word="old")
    for limit in count(0, 512):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        if not _fails(root):
            return


def _fails(root: Path) -> bool:
    """Build, and report how it failed and what it left, where it did."""
    before = tree(root), folders(root)
    try:
        build(root, word="new")
    except HdsBotError as error:
        left = "as it was" if (tree(root), folders(root)) == before else f"changed: {folders(root)}"
        _report(kind=type(error).__name__, told=str(error), left=left)
        return True
    with Index.open(root, verification="full") as index:
        assert word_of(index) == "new"
    return False


# -- no right to write or to read ---------------------------------------------------------


def no_right(folder: Path) -> None:
    """Give up root, where it is held, and use an index whose parts may not be written or read."""
    root = folder / "index"
    build(root, word="old")
    _give_up_root(folder)
    generation = next((root / "generations").iterdir())
    for path in (root, root / "generations", root / "LOCK"):
        with _mode(path, 0o555 if path.is_dir() else 0o444):
            _fails(root)
    with _mode(folder, 0o555):
        _fails(folder / "other")
    for path in (root / "CURRENT", root / "generations", generation, *generation.glob("*.*")):
        with _mode(path, 0):
            _refuses(root)


def _give_up_root(folder: Path) -> None:
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)


@contextmanager
def _mode(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    yield
    path.chmod(before)


def _refuses(root: Path) -> None:
    try:
        Index.open(root).close()
        _report(kind="none", told="opened", left="as it was")
    except HdsBotError as error:
        _report(kind=type(error).__name__, told=str(error), left="as it was")


def hold_the_lock(folder: Path) -> None:
    """Begin a build, say so, and never end it."""
    with new_generation(folder / "index") as generation:
        generation.write(*corpus(), unit_vectors(12))
        _report(process=os.getpid())
        signal.pause()


def _report(**trial: object) -> None:
    sys.stdout.write(json.dumps(trial) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
