"""The seal of a generation's tables: size and SHA-256 of their rows as the database itself writes them."""

from __future__ import annotations

import hashlib

from hds_bot.errors import IndexDamaged
from hds_bot.index import BUILD, Manifest, Seal, Verification
from hds_bot.stores.postgres.connections import Connection

TABLES = {
    "documents": "ordinal",
    "passages": "ordinal",
    "vectors": "ordinal",
    "postings": 'term COLLATE "C"',
}
"""Each table of a generation, and the order in which its rows are hashed."""
_COUNTS = """
SELECT (SELECT count(*) FROM documents), (SELECT max(ordinal) + 1 FROM passages),
  (SELECT max(ordinal) + 1 FROM vectors)
"""


def seal_tables(connection: Connection) -> dict[str, Seal]:
    """Seal every table of the generation on the search path."""
    return {table: _seal(connection, table, order) for table, order in TABLES.items()}


def verify(
    connection: Connection, name: str, manifest: Manifest, verification: Verification, *, place: str
) -> None:
    """Check that a generation is what its manifest says; full: every row. Raises IndexDamaged, naming the table."""
    if not name.startswith(manifest.content[:12]):
        raise _damaged("manifest", place)
    counts = connection.execute(_COUNTS).fetchone() or ()
    expected = (manifest.documents, manifest.passages, manifest.passages)
    for table, found, wanted in zip(TABLES, counts, expected, strict=False):
        if found != wanted:
            raise _damaged(table, place)
    if verification == "full":
        _verify_rows(connection, manifest, place)


def _verify_rows(connection: Connection, manifest: Manifest, place: str) -> None:
    for table, seal in seal_tables(connection).items():
        if manifest.files.get(table) != seal:
            raise _damaged(table, place)


def _seal(connection: Connection, table: str, order: str) -> Seal:
    digest, size = hashlib.sha256(), 0
    query = f"COPY (SELECT * FROM {table} ORDER BY {order}) TO STDOUT (FORMAT binary)"  # noqa: S608
    with connection.cursor() as cursor, cursor.copy(query) as rows:
        for row in rows:
            digest.update(row)
            size += len(row)
    return Seal(size, digest.hexdigest())


def _damaged(table: str, place: str) -> IndexDamaged:
    return IndexDamaged(f"{table}: altered since it was built", where=place, next_step=BUILD)
