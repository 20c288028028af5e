"""A generation in the database, opened for questions; marked as read for as long as it is open."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import resources
from typing import NamedTuple

import numpy as np
from pgvector.psycopg import register_vector

from hds_bot import lexical
from hds_bot.index import Entry, Manifest, Verification, unreadable, vectors
from hds_bot.index.reader import Documents
from hds_bot.index.rows import fingerprint, to_document, to_entry, to_passage
from hds_bot.stores.postgres.connections import Connection, Connections, Rows, told
from hds_bot.stores.postgres.draft import EFFORTS
from hds_bot.stores.postgres.names import Names
from hds_bot.stores.postgres.seals import verify
from hds_bot.types import BoolArray, Document, FloatArray, IntArray, Passage

_PASSAGES = """
SELECT p.ordinal, p.id, d.id, p.title, p.section, p.text, p."start", p."end", p.page, p.context
FROM passages p JOIN documents d ON d.ordinal = p.document
"""
_DOCUMENT = "SELECT described, text FROM documents WHERE id = %s"
_ENTRIES = "SELECT id, authority, status, tags, first, after FROM documents ORDER BY ordinal"
_KNOWN = "SELECT indexed, embedding FROM passages JOIN vectors USING (ordinal) WHERE indexed = ANY(%s)"
_ALL = """
SELECT v.ordinal, -(v.embedding <#> %(vector)s)
FROM unnest(%(spans)s::int4multirange) AS span
JOIN vectors v ON v.ordinal >= lower(span) AND v.ordinal < upper(span)
ORDER BY v.embedding <#> %(vector)s, v.ordinal
LIMIT %(k)s
"""
_NEAR = (
    "SELECT ordinal, -(embedding <#> %(vector)s) FROM vectors ORDER BY embedding <#> %(vector)s LIMIT %(k)s"
)
_TERMS = """
SELECT term, coalesce(cardinality(asked.positions), 1), passages
FROM unnest(to_tsvector('pg_catalog.french', %s)) AS asked
FULL JOIN unnest(to_tsvector('pg_catalog.french', %s)) AS extra ON extra.lexeme = asked.lexeme
JOIN postings ON term = coalesce(asked.lexeme, extra.lexeme)
ORDER BY passages, term
"""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MOST_WORDS = 512
MOST_POSTINGS = 500_000
"""Occurrences that are summed up for one question: some 150 ms."""
Term = tuple[str, int, int]
"""A word's stem, how often it is asked for, how many passages hold it."""


class Described(NamedTuple):
    """The row of a generation."""

    number: int
    name: str
    manifest: str
    effort: int | None


class PostgresGeneration:
    """The tables of one generation, safe to read from any number of threads."""

    def __init__(self, address: str, names: Names, described: Described, *, place: str) -> None:
        self.place = f"{place} generation {described.name}"
        self.generation = described.name
        self.manifest = Manifest.parse(described.manifest, where=self.place)
        self._effort = described.effort
        self._connections = Connections(address, _preparing(names, described.number))
        self.documents: Mapping[str, Document] = Documents(
            _reading(self._connections, self.place), _listing(self._connections, self.place)
        )

    def verify(self, verification: Verification) -> None:
        """Check it against its manifest. Raises IndexDamaged."""
        with told(self.place), self._connections.use() as connection:
            verify(connection, self.generation, self.manifest, verification, place=self.place)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every document without its text."""
        return _listing(self._connections, self.place)()

    def passages(self, ordinals: Sequence[int]) -> tuple[Passage, ...]:
        """Read the passages at these ordinals, in the order asked for. Raises IndexError past the end."""
        wanted = [int(ordinal) for ordinal in ordinals]
        found = dict(self._passages("WHERE p.ordinal = ANY(%s)", wanted))
        if missing := [ordinal for ordinal in wanted if ordinal not in found]:
            raise IndexError(f"no passage {missing[0]}")
        return tuple(found[ordinal] for ordinal in wanted)

    def passage_by_id(self, identifier: str) -> Passage:
        """Read the passage of this id, the first where it recurs. Raises KeyError where there is none."""
        for _, passage in self._passages("WHERE p.id = %s ORDER BY p.ordinal LIMIT 1", identifier):
            return passage
        raise KeyError(identifier)

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """Read every passage of a document, in order; none where there is no such document."""
        return tuple(p for _, p in self._passages("WHERE d.id = %s ORDER BY p.ordinal", document))

    def vectors_for(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """Look up known vectors by `Passage.indexed_text`, whatever its document; leave out what is new."""
        wanted = {fingerprint(text): text for text in texts}
        rows = self._rows(_KNOWN, (list(wanted),))
        return {wanted[indexed]: vector.to_numpy() for indexed, vector in rows}

    def close(self) -> None:
        """Close its connections, which also takes the mark away."""
        self._connections.close()

    # -- search -------------------------------------------------------------------------------

    def search(
        self, vector: FloatArray, k: int, *, allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k passages nearest to a unit vector: cosines and ordinals, best first, then by ordinal."""
        share = 1.0 if allowed is None else float(np.mean(allowed))
        effort = self._effort_for(k, share)
        if effort is None:
            return _ranked(self._rows(_ALL, {"vector": vector, "k": k, "spans": self._spans(allowed)}))
        local = {"hnsw.ef_search": str(effort), "enable_seqscan": "off"}
        found = _ranked(self._rows(_NEAR, {"vector": vector, "k": effort}, local=local))
        kept = slice(None) if allowed is None else allowed[found[1]]
        return found[0][kept][:k], found[1][kept][:k]

    def _effort_for(self, k: int, share: float) -> int | None:
        """Give how many candidates of the graph to weigh; None to compare all that are allowed."""
        if self._effort is None or share * self.manifest.passages <= vectors.EXACT_UP_TO:
            return None
        effort = math.ceil(max(self._effort, k) / share)
        return effort if effort <= EFFORTS[-1] else None

    def search_words(
        self, query: str, k: int, *, extra_terms: Sequence[str] = (), allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k best passages that share a word: BM25 scores and ordinals, best first, then by ordinal.

        Where the words occur more than half a million times together, the commonest are passed over.
        """
        terms = _telling(self._terms(query, extra_terms))
        values = {
            "terms": [term for term, _, _ in terms],
            "factors": [times * self._rarity(passages) for _, times, passages in terms],
            "spans": self._spans(allowed),
            "k": k,
        }
        return _ranked(self._rows(_rank(), values) if terms else [])

    def _terms(self, query: str, extra_terms: Sequence[str]) -> list[Term]:
        """Give (term, times, passages that hold it) of the words known here, the rarest first."""
        texts = (query, " ".join(extra_terms))
        cut = [" ".join(lexical.plain_words(text)[:_MOST_WORDS]) for text in texts]
        return [(term, times, held) for term, times, held in self._rows(_TERMS, cut)] if any(cut) else []

    def _rarity(self, passages: int) -> float:
        return math.log1p((self.manifest.passages - passages + 0.5) / (passages + 0.5))

    def _spans(self, allowed: BoolArray | None) -> str:
        if allowed is None:
            return f"{{[0,{self.manifest.passages})}}"
        edges = np.flatnonzero(np.diff(allowed.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        return "{" + ",".join(f"[{first},{after})" for first, after in edges) + "}"

    # -- rows ---------------------------------------------------------------------------------

    def _passages(self, where: str, value: object) -> list[tuple[int, Passage]]:
        rows = self._rows(_PASSAGES + where, (value,)) if _storable(value) else []
        with _readable(self.place):
            return [(row[0], to_passage(*row[1:])) for row in rows]

    def _rows(self, query: str, values: object, *, local: Mapping[str, str] | None = None) -> Rows:
        with told(self.place):
            return self._connections.rows(query, values, local=local)


def _preparing(names: Names, number: int) -> Callable[[Connection], None]:
    """Give what makes a new connection read this generation, and marks it as read until it is closed."""

    def prepare(connection: Connection) -> None:
        connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", names.hold(number))
        path = f"concat('{names.schema(number)},', current_setting('search_path'))"
        connection.execute(
            f"SELECT set_config('search_path', {path}, false), set_config('jit', 'off', false)"
        )
        register_vector(connection)

    return prepare


def _reading(connections: Connections, place: str) -> Callable[[str], Document]:
    def read(identifier: str) -> Document:
        with told(place):
            rows = connections.rows(_DOCUMENT, (identifier,)) if _storable(identifier) else []
        if not rows:
            raise KeyError(identifier)
        with _readable(place):
            return to_document(*rows[0])

    return read


def _listing(connections: Connections, place: str) -> Callable[[], tuple[Entry, ...]]:
    def entries() -> tuple[Entry, ...]:
        with told(place):
            rows = connections.rows(_ENTRIES)
        with _readable(place):
            return tuple(to_entry(*row) for row in rows)

    return entries


@contextmanager
def _readable(place: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise unreadable(place, error) from error


def _storable(value: object) -> bool:
    """Tell whether a database may hold a value: no text with a null character or half of one."""
    return not (isinstance(value, str) and _UNSTORABLE.search(value))


def _telling(terms: Sequence[Term]) -> Sequence[Term]:
    """Keep the rarest terms, as many as may be summed up; one at least."""
    postings = np.cumsum([passages for _, _, passages in terms])
    return terms[: max(1, int(np.searchsorted(postings, MOST_POSTINGS, side="right")))]


def _ranked(rows: Rows) -> tuple[FloatArray, IntArray]:
    scores = np.array([score for _, score in rows], dtype=np.float32)
    ordinals = np.array([ordinal for ordinal, _ in rows], dtype=np.int64)
    order = np.lexsort((ordinals, -scores))
    return scores[order], ordinals[order]


@cache
def _rank() -> str:
    return (resources.files(__package__) / "rank.sql").read_text("utf-8")
