"""The compiled lexicon kept between runs, in the user's cache folder.

The key is a hash over the lexicon's files and all that compiles them, so a kept table is never stale. The
cache is a convenience: where it can't be read, written or trusted, the lexicon is compiled in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import platformdirs
import Stemmer

from hds_bot.facts.compiling import Tables, compile_tables

_HERE = files("hds_bot.facts")
_COMPILERS = {name: (_HERE / name).read_bytes() for name in ("text.py", "compiling.py")}
"""Read as they are imported: the code that runs, even where an upgrade replaces its files meanwhile."""
KEPT = 4
"""Compiled lexicons kept, the latest: several versions of the package may take turns."""


def load_tables(folder: Path | None = None) -> Tables:
    """Give the tables of the package's lexicon, from `folder` (the user's cache) where they are kept there.

    Raises `RulesError` naming file and line where the lexicon is malformed; never for the cache's sake.
    """
    sources = _lexicon_files()
    path = (folder or _user_folder()) / f"{_key(sources)}.json"
    return _kept(path) or _keep(path, compile_tables(sources))


def _user_folder() -> Path:
    return platformdirs.user_cache_path("hds-bot") / "lexicon"


def _lexicon_files() -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in (_HERE / "lexicon").iterdir() if entry.is_file()}


def _key(sources: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(f"{Stemmer.version()} {unicodedata.unidata_version}".encode())
    for name, content in sorted({**sources, **_COMPILERS}.items()):
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
    return digest.hexdigest()


def _kept(path: Path) -> Tables | None:
    """Read what was kept, unless a byte of it has changed since."""
    try:
        seal, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if seal != _seal(content):
        return None
    tables: Tables = json.loads(content)
    return tables


def _keep(path: Path, tables: Tables) -> Tables:
    """Write beside and rename in: a reader never meets half a file."""
    content = json.dumps(tables, ensure_ascii=False, separators=(",", ":")).encode()
    with suppress(OSError, RuntimeError):  # RuntimeError: a user without a home
        path = path.expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        _rename_in(path, _seal(content) + b"\n" + content)
        _forget_old(path.parent)
    return tables


def _rename_in(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".draft")
    try:
        with os.fdopen(descriptor, "wb") as draft:
            draft.write(content)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _seal(content: bytes) -> bytes:
    return b'"%s"' % hashlib.sha256(content).hexdigest().encode()


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
        path.unlink()
