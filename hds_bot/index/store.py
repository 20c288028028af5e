"""Documents and passages in SQLite: written once, then read only, row by row, from any thread."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from hds_bot.index.generations import unreadable
from hds_bot.index.rows import (
    Entry,
    Row,
    document_rows,
    fingerprint,
    passage_rows,
    to_document,
    to_entry,
    to_passage,
)
from hds_bot.types import Document, Passage

NAME = "passages.sqlite"
_CHUNK = 500
# What filters read comes before the text, so that reading it skips the pages that hold texts.
_SCHEMA = """
CREATE TABLE documents (
  ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, authority TEXT NOT NULL, status TEXT NOT NULL,
  tags TEXT NOT NULL, first INTEGER NOT NULL, after INTEGER NOT NULL,
  described TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE passages (
  ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL, document INTEGER NOT NULL, indexed BLOB NOT NULL,
  title TEXT NOT NULL, section TEXT NOT NULL, text TEXT NOT NULL,
  "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, context TEXT NOT NULL
);
"""
_PASSAGES = """
SELECT p.ordinal, p.id, d.id, p.title, p.section, p.text, p."start", p."end", p.page, p.context
FROM passages p JOIN documents d ON d.ordinal = p.document
"""


def write_store(path: Path, documents: Sequence[Document], passages: Sequence[Passage]) -> str:
    """Write both, a passage's ordinal being its place; give the SHA-256 of all passages.

    Raises ValueError where the passages of a document do not follow one another.
    """
    digest = hashlib.sha256()
    described = document_rows(documents, passages)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        database.execute("BEGIN")
        _insert(database, "documents", described)
        _insert(database, "passages", passage_rows(documents, passages, digest))
        database.execute("CREATE INDEX passages_by_id ON passages (id)")
        database.execute("COMMIT")
    return digest.hexdigest()


class Store:
    """A store opened read-only: one connection behind a lock, valid even when the file is unlinked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        address = f"file:{quote(path.absolute().as_posix())}?mode=ro&immutable=1"
        with self._guarded():
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
        self.close = weakref.finalize(self, self._database.close)
        self._rows("PRAGMA trusted_schema = OFF")

    def entries(self) -> tuple[Entry, ...]:
        """Read every document as a filter sees it."""
        rows = self._rows("SELECT id, authority, status, tags, first, after FROM documents ORDER BY ordinal")
        with self._guarded():
            return tuple(to_entry(*row) for row in rows)

    def document(self, identifier: str) -> Document:
        """Read one document with its text. Raises KeyError where there is none."""
        rows = self._rows("SELECT described, text FROM documents WHERE id = ?", identifier)
        if not rows:
            raise KeyError(identifier)
        with self._guarded():
            return to_document(*rows[0])

    def passages(self, ordinals: Sequence[int]) -> tuple[Passage, ...]:
        """Read the passages at these ordinals, in the order asked for. Raises IndexError past the end."""
        found: dict[int, Passage] = {}
        for start in range(0, len(ordinals), _CHUNK):
            chunk = [int(ordinal) for ordinal in ordinals[start : start + _CHUNK]]
            found.update(self._passages(f"WHERE p.ordinal IN ({','.join('?' * len(chunk))})", *chunk))
        if missing := [ordinal for ordinal in ordinals if ordinal not in found]:
            raise IndexError(f"no passage {missing[0]}")
        return tuple(found[ordinal] for ordinal in ordinals)

    def passage_by_id(self, identifier: str) -> Passage:
        """Read the passage of this id, the first where it recurs. Raises KeyError where there is none."""
        for _, passage in self._passages("WHERE p.id = ? ORDER BY p.ordinal LIMIT 1", identifier):
            return passage
        raise KeyError(identifier)

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """Read every passage of a document, in order; none where there is no such document."""
        span = "WHERE d.id = ? AND p.ordinal >= d.first AND p.ordinal < d.after ORDER BY p.ordinal"
        return tuple(passage for _, passage in self._passages(span, document))

    def ordinals_of(self, texts: Iterable[str]) -> dict[str, int]:
        """Find where each of these indexed texts lies, for those that do."""
        wanted = {fingerprint(text): text for text in texts}
        rows = self._rows("SELECT indexed, ordinal FROM passages")
        return {wanted[indexed]: ordinal for indexed, ordinal in rows if indexed in wanted}

    def _passages(self, where: str, *values: str | int) -> list[tuple[int, Passage]]:
        rows = self._rows(_PASSAGES + where, *values)
        with self._guarded():
            return [(row[0], to_passage(*row[1:])) for row in rows]

    def _rows(self, query: str, *values: str | int) -> list[Row]:
        with self._guarded(), self._lock:
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, KeyError, RecursionError) as error:
            raise unreadable(self._path, error) from error


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    rows = iter(rows)
    for first in rows:
        statement = f"INSERT INTO {table} VALUES ({','.join('?' * len(first))})"  # noqa: S608
        database.execute(statement, first)
        database.executemany(statement, rows)
