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
from hds_bot.index.revision import Part, Revision, size
from hds_bot.index.rows import (
    Entry,
    Row,
    document_row,
    document_rows,
    fingerprint,
    passage_row,
    passage_rows,
    seal_of,
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
_COPY_DOCUMENT = """
INSERT INTO documents SELECT ?, id, authority, status, tags, ?, ?, described, text
FROM earlier.documents WHERE id = ?
"""
_COPY_PASSAGES = """
INSERT INTO passages SELECT ordinal + ?, id, ?, indexed, title, section, text, "start", "end", page, context
FROM earlier.passages WHERE ordinal >= ? AND ordinal < ? ORDER BY ordinal
"""
_SEALED = """
SELECT ordinal, id, document, indexed, title, section, "start", "end", page FROM passages ORDER BY ordinal
"""
_PASSAGES = """
SELECT p.ordinal, p.id, d.id, p.title, p.section, p.text, p."start", p."end", p.page, p.context
FROM passages p JOIN documents d ON d.ordinal = p.document
"""


def write_store(path: Path, documents: Sequence[Document], passages: Sequence[Passage]) -> str:
    """Write both, a passage's ordinal being its place; give the SHA-256 of all passages.

    What a revision takes over is copied from the store of its earlier index. Raises ValueError where the
    passages of a document do not follow one another.
    """
    digest = hashlib.sha256()
    with closing(sqlite3.connect(_address(path), uri=True, isolation_level=None)) as database:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        if isinstance(passages, Revision):
            _revise(database, documents, passages)
            for row in database.execute(_SEALED):
                digest.update(seal_of(*row))
        else:
            database.execute("BEGIN")
            _insert(database, "documents", document_rows(documents, passages))
            _insert(database, "passages", passage_rows(documents, passages, digest))
        database.execute("CREATE INDEX passages_by_id ON passages (id)")
        database.execute("COMMIT")
    return digest.hexdigest()


class Store:
    """A store opened read-only: one connection behind a lock, valid even when the file is unlinked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._guarded():
            self._database = sqlite3.connect(_sealed_address(path), uri=True, check_same_thread=False)
        self.close = weakref.finalize(self, self._database.close)
        self._rows("PRAGMA trusted_schema = OFF")

    def entries(self) -> tuple[Entry, ...]:
        """Read every document as a filter sees it."""
        rows = self._rows("SELECT id, authority, status, tags, first, after FROM documents ORDER BY ordinal")
        with self._guarded():
            return tuple(to_entry(*row) for row in rows)

    def documents(self) -> tuple[Document, ...]:
        """Read every document with its text."""
        rows = self._rows("SELECT described, text FROM documents ORDER BY ordinal")
        with self._guarded():
            return tuple(to_document(*row) for row in rows)

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


# -- writing ------------------------------------------------------------------------------


def _revise(database: sqlite3.Connection, documents: Sequence[Document], revision: Revision) -> None:
    """Write rows in the very order in which all would be written anew, so that the files are the same."""
    database.execute("ATTACH ? AS earlier", [_sealed_address(revision.earlier.path / NAME)])
    database.execute("BEGIN")
    placed = list(_placed(documents, revision))
    for place, document, part, first in placed:
        span = (first, first + size(part)) if size(part) else (0, 0)
        if isinstance(part, Entry):
            database.execute(_COPY_DOCUMENT, (place, *span, part.id))
        else:
            _insert(database, "documents", [document_row(place, document, span)])
    for place, _, part, first in placed:
        if isinstance(part, Entry):
            database.execute(_COPY_PASSAGES, (first - part.first, place, part.first, part.after))
        else:
            rows = (passage_row(ordinal, place, passage) for ordinal, passage in enumerate(part, first))
            _insert(database, "passages", rows)


def _placed(documents: Sequence[Document], revision: Revision) -> Iterator[tuple[int, Document, Part, int]]:
    """Give each document's ordinal, its part of the passages, and the ordinal of the first of them."""
    first = 0
    for place, document in enumerate(documents):
        part = revision.part_of(document.id)
        yield place, document, part, first
        first += size(part)


def _address(path: Path) -> str:
    return f"file:{quote(path.absolute().as_posix())}"


def _sealed_address(path: Path) -> str:
    return _address(path) + "?mode=ro&immutable=1"


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    rows = iter(rows)
    for first in rows:
        statement = f"INSERT INTO {table} VALUES ({','.join('?' * len(first))})"  # noqa: S608
        database.execute(statement, first)
        database.executemany(statement, rows)
