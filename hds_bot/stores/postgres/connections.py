"""Connections to the database: kept for the next query, replaced where they were cut, errors told in words."""

from __future__ import annotations

import re
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hds_bot.errors import IndexDamaged, IndexError_, InputError
from hds_bot.index import BUILD

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
Rows: TypeAlias = list[tuple[Any, ...]]
_MOST = 8
"""Connections at once, for each generation that a process has open."""
_DEFAULTS = {"application_name": "hds-bot", "connect_timeout": "10"}


class Connections:
    """Up to eight connections, opened when they are needed, for any number of threads."""

    def __init__(self, address: str, prepare: Callable[[Connection], None]) -> None:
        """Take what is done with each new connection before its first query."""
        self._address, self._prepare = address, prepare
        self._idle: deque[Connection] = deque()
        self._slots = threading.BoundedSemaphore(_MOST)
        self.close = weakref.finalize(self, _close, self._idle)

    def rows(self, query: str, values: object = None, *, local: Mapping[str, str] | None = None) -> Rows:
        """Run a query, with these settings for it alone; again on a new connection where a kept one was cut."""
        with self._slots:
            while True:
                connection, kept = self._take()
                try:
                    return _run(connection, query, values, local or {})
                except psycopg.OperationalError:
                    if not (kept and connection.closed):
                        raise
                finally:
                    self._give_back(connection)

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """Lend a connection."""
        with self._slots:
            connection, _ = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _take(self) -> tuple[Connection, bool]:
        with suppress(IndexError):
            return self._idle.pop(), True
        connection = connect(self._address)
        self._prepare(connection)
        return connection, False

    def _give_back(self, connection: Connection) -> None:
        if not connection.closed:
            self._idle.append(connection)


def connect(address: str) -> Connection:
    """Open one connection, each statement a transaction of its own."""
    # Statements are not prepared on the server: a pooler in between may hand each to another connection.
    return psycopg.connect(address, autocommit=True, prepare_threshold=None)


def read_address(address: str) -> tuple[str, str]:
    """Check an address; give it with what it leaves open, and where it leads, without user and password.

    Raises InputError, which does not repeat the address.
    """
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(address).items() if value is not None}
    except psycopg.Error:
        given = {"host": "@"}
    host, port, database = (given.get(name, "") for name in ("host", "port", "dbname"))
    if not re.fullmatch(r"[\d,]*", port) or "@" in host + database:
        raise InputError(
            "is no address of a PostgreSQL database",
            where="HDS_BOT_STORE",
            next_step="postgresql://USER@HOST:5432/DATABASE, odd characters of a password written as %40",
        ) from None
    place = f"postgresql://{host}{':' * bool(port)}{port}/{database}"
    return make_conninfo(**_DEFAULTS | given), place


@contextmanager
def told(place: str) -> Iterator[None]:
    """Raise what the database refuses as errors of the index: what, where, next step."""
    try:
        yield
    except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
        next_step = f"a later build may have removed them: ask again, or {BUILD}"
        raise IndexDamaged("tables of this index are missing", where=place, next_step=next_step) from error
    except errors.ReadOnlySqlTransaction as error:
        raise _refused(
            "the database only reads", error, place, "build on the primary, not a replica"
        ) from error
    except errors.InsufficientPrivilege as error:
        raise _refused(
            "this user lacks a right", error, place, "have it granted, see docs/deployment.md"
        ) from error
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        raise _refused("the server lacks what is needed", error, place, "install pgvector there") from error
    except psycopg.OperationalError as error:
        next_step = "see that the server runs, and that HDS_BOT_STORE names it"
        raise _refused("the database can't be used", error, place, next_step) from error
    except psycopg.Error as error:
        raise _refused("the database refused", error, place, f"see to that, then {BUILD}") from error


def _refused(what: str, error: psycopg.Error, place: str, next_step: str) -> IndexError_:
    reason = error.diag.message_primary or " ".join(str(error).split())
    return IndexError_(f"{what} ({reason})", where=place, next_step=next_step)


def _run(connection: Connection, query: str, values: Any, local: Mapping[str, str]) -> Rows:
    if not local:
        return connection.execute(query, values, binary=True).fetchall()
    with connection.transaction():
        for name, value in local.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        return connection.execute(query, values, binary=True).fetchall()


def _close(idle: deque[Connection]) -> None:
    while idle:
        idle.pop().close()
