"""One build at a time: a lock that the kernel releases when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hds_bot.errors import IndexBusy


@contextmanager
def build_lock(root: Path) -> Iterator[None]:
    """Hold the build lock of an index folder. Raises IndexBusy at once where another build holds it."""
    path = root / "LOCK"
    with path.open("a+", encoding="ascii") as file:
        try:
            _acquire(file)
        except OSError as error:
            raise _busy(path, file) from error
        file.truncate(0)
        file.write(f"process {os.getpid()}\n")
        file.flush()
        yield


def _busy(path: Path, file: IO[str]) -> IndexBusy:
    file.seek(0)
    holder = file.read(80).strip() or "another process"
    return IndexBusy(
        f"another build is under way ({holder})",
        where=str(path),
        next_step="wait until it ends, then try again",
    )


if sys.platform == "win32":
    import msvcrt

    # Past the holder's name: Windows forbids reading bytes that are locked.
    _BYTE = 1 << 20

    def _acquire(file: IO[str]) -> None:
        os.lseek(file.fileno(), _BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
