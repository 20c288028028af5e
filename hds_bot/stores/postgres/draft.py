"""A build: one transaction from the first table to the row that puts it in force; nothing is seen before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import resources

import faiss
import numpy as np
import psycopg

from hds_bot import lexical
from hds_bot.errors import CorpusError
from hds_bot.index import Manifest, Setting, vectors
from hds_bot.index.manifest import Counts
from hds_bot.index.rows import Row, document_rows, passage_rows
from hds_bot.stores.postgres.connections import Connection, told
from hds_bot.stores.postgres.names import Names
from hds_bot.stores.postgres.seals import TABLES, seal_tables, verify
from hds_bot.types import Document, FloatArray, Passage

LINKS, CARE = 32, 80
"""Of the graph (HNSW): links of a vector on each layer, candidates weighed when it is added."""
EFFORTS = (64, 96, 128, 192, 256, 384, 512, 768, 1000)
"""Candidates that a search of the graph may weigh; pgvector allows a thousand."""
_WIDEST = 2000
"""Dimensions that pgvector's graph takes."""
_BATCH = 10_000
_DOCUMENT = ("int4", "text", "text", "text", "text", "int4", "int4", "text", "text")
_PASSAGE = ("int4", "text", "int4", "bytea", "text", "text", "text", "int4", "int4", "int4", "text")
_GRAPH = f"""
CREATE INDEX ON vectors USING hnsw (embedding vector_ip_ops) WITH (m = {LINKS}, ef_construction = {CARE})
"""
_NEAREST = "SELECT ordinal FROM vectors ORDER BY embedding <#> %s LIMIT 10"
_IN_FORCE = (
    "INSERT INTO {current} (number) VALUES (%s) ON CONFLICT (sole) DO UPDATE SET number = excluded.number"
)


class PostgresDraft:
    """A generation being built in a schema of its own, unseen until it is published."""

    def __init__(self, connection: Connection, names: Names, number: int, *, place: str) -> None:
        """Take a connection inside a transaction that holds the build lock, and the number of its row."""
        self._connection, self._names, self._number, self._place = connection, names, number, place
        self._effort: int | None = None

    def write(self, documents: Sequence[Document], passages: Sequence[Passage], rows: FloatArray) -> None:
        """Write documents, passages, vectors and words, and index them."""
        _refuse_odd(passages, rows)
        with told(self._place):
            self._connection.execute(_sql("tables").format(dimension=rows.shape[1]))
            digest = self._copy_rows(documents, passages)
            self._copy_vectors(rows)
            self._copy_words(passages)
            self._index(rows)
        self._counts = Counts(len(documents), len(passages), rows.shape[1], digest)

    def publish(
        self, *, version: str, encoder: str, corpus_sha256: str, settings: Mapping[str, Setting]
    ) -> Manifest:
        """Seal every table, verify, put in force and commit; then remove what nobody reads any more."""
        with told(self._place):
            manifest = Manifest.of(
                self._counts,
                version=version,
                encoder=encoder,
                corpus=corpus_sha256,
                settings=settings,
                files=seal_tables(self._connection),
            )
            name = f"{manifest.content[:12]}-{self._number}"
            verify(self._connection, name, manifest, "quick", place=self._place)
            self._put_in_force(name, manifest)
            self._connection.commit()
            # What can't be removed now is removed after the next build.
            with suppress(psycopg.Error):
                _remove_others(self._connection, self._names)
        return manifest

    # -- rows ---------------------------------------------------------------------------------

    def _copy_rows(self, documents: Sequence[Document], passages: Sequence[Passage]) -> str:
        digest = hashlib.sha256()
        self._copy("documents", _DOCUMENT, document_rows(documents, passages))
        self._copy("passages", _PASSAGE, passage_rows(documents, passages, digest))
        return digest.hexdigest()

    def _copy(self, table: str, types: Sequence[str], rows: Iterable[Row]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(_copy_in(table)) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _copy_vectors(self, rows: FloatArray) -> None:
        with self._connection.cursor() as cursor, cursor.copy(_copy_in("vectors")) as copy:
            for block in _vector_blocks(rows):
                copy.write(block)

    def _copy_words(self, passages: Sequence[Passage]) -> None:
        """Let PostgreSQL stem, count and weigh the words, cut as the default store cuts them."""
        cut = ((at, " ".join(lexical.plain_words(p.indexed_text))) for at, p in enumerate(passages))
        self._copy("cut", ("int4", "text"), cut)
        self._connection.execute(_sql("weigh").format(k1=lexical.K1, b=lexical.B))

    def _index(self, rows: FloatArray) -> None:
        for target in ("passages (id)", "passages (document)"):
            self._connection.execute(f"CREATE INDEX ON {target}")
        has_graph = len(rows) > vectors.EXACT_UP_TO and rows.shape[1] <= _WIDEST
        if has_graph:
            self._connection.execute(_GRAPH)
        for table in TABLES:
            self._connection.execute(f"ANALYZE {table}")
        if has_graph:
            # Otherwise all vectors may be compared, where that is thought to be as quick.
            self._connection.execute("SET LOCAL enable_seqscan = off")
            self._effort = self._settle(rows)
            self._connection.execute("SET LOCAL enable_seqscan = on")

    def _settle(self, rows: FloatArray) -> int:
        """Find how far a search of the graph has to go to find the neighbours of sampled questions."""
        questions = vectors.sample_questions(rows)
        nearest, _ = faiss.knn(questions, rows, 10, metric=faiss.METRIC_INNER_PRODUCT)
        for effort in EFFORTS:
            self._connection.execute("SELECT set_config('hnsw.ef_search', %s, true)", (str(effort),))
            found = [self._connection.execute(_NEAREST, (question,)).fetchall() for question in questions]
            cosines = [rows[[at for (at,) in ten]] @ one for ten, one in zip(found, questions, strict=True)]
            # By score, since equal vectors may stand for one another.
            if np.mean(np.array(cosines) >= nearest[:, -1:] - 1e-6) >= vectors.RECALL:
                break
        return effort

    # -- in force -----------------------------------------------------------------------------

    def _put_in_force(self, name: str, manifest: Manifest) -> None:
        described = (
            f"UPDATE {self._names.generations} SET name = %s, manifest = %s, effort = %s WHERE number = %s"  # noqa: S608
        )
        self._connection.execute(described, (name, manifest.to_json(), self._effort, self._number))
        self._connection.execute(_IN_FORCE.format(current=self._names.current), (self._number,))


def _remove_others(connection: Connection, names: Names) -> None:
    """Remove the generations before the last two that no reader holds.

    The one before stays for readers that can't be seen from here: those of a replica, or behind a pooler.
    """
    listed = connection.execute(f"SELECT number FROM {names.generations} ORDER BY number DESC OFFSET 2")  # noqa: S608
    for (number,) in listed.fetchall():
        free = connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", names.hold(number)).fetchone()
        if free == (True,):
            connection.execute(f"DROP SCHEMA IF EXISTS {names.schema(number)} CASCADE")
            connection.execute(f"DELETE FROM {names.generations} WHERE number = %s", (number,))  # noqa: S608
        connection.commit()


def _refuse_odd(passages: Sequence[Passage], rows: FloatArray) -> None:
    if not passages:
        raise CorpusError("no passage to index", next_step="add a document to the corpus folder")
    if len(rows) != len(passages):
        raise ValueError(f"{len(rows)} vectors for {len(passages)} passages")
    vectors.refuse_odd(rows)


def _vector_blocks(rows: FloatArray) -> Iterator[bytes]:
    """Write vectors as COPY's binary format has them: for each, two fields with their sizes in front."""
    width = rows.shape[1]
    shape = [("fields", ">i2"), ("four", ">i4"), ("ordinal", ">i4"), ("size", ">i4")]
    layout = np.dtype([*shape, ("width", ">i2"), ("unused", ">i2"), ("row", ">f4", (width,))])
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, len(rows), _BATCH):
        block = np.zeros(len(rows[start : start + _BATCH]), dtype=layout)
        block["fields"], block["four"], block["size"], block["width"] = 2, 4, 4 + 4 * width, width
        block["ordinal"] = np.arange(start, start + len(block))
        block["row"] = rows[start : start + _BATCH]
        yield block.tobytes()
    yield b"\xff\xff"


def _copy_in(table: str) -> str:
    return f"COPY {table} FROM STDIN (FORMAT binary)"


def _sql(name: str) -> str:
    return (resources.files(__package__) / f"{name}.sql").read_text("utf-8")
