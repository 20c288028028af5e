"""Every store there is, for the tests that each of them passes."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

needs_postgres = pytest.mark.skipif(
    find_spec("pgserver") is None,
    reason="needs the package pgserver, which has wheels for Python 3.11 and 3.12 alone",
)
BOTH = ("folder", pytest.param("postgres", marks=needs_postgres))


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run PostgreSQL with pgvector, reached through a socket alone; give its address."""
    with warnings.catch_warnings():
        # It looks for a folder of its own, and warns of the one it falls back to.
        warnings.simplefilter("ignore")
        import pgserver
    # A short path: the socket lies in it, and its name may not be long.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="hds-bot-pg-"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def database(server: str) -> Iterator[str]:
    """Make an empty database; give its address."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
