"""The index in a PostgreSQL database: generations as schemas, the one in force named by one row."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources

from pgvector.psycopg import register_vector
from psycopg import errors

from hds_bot.errors import IndexBusy, IndexDamaged, IndexMissing
from hds_bot.index import BUILD, Manifest, Verification
from hds_bot.stores.postgres.connections import Connection, Connections, connect, read_address, told
from hds_bot.stores.postgres.draft import PostgresDraft
from hds_bot.stores.postgres.generation import Described, PostgresGeneration
from hds_bot.stores.postgres.names import BUILDING, Names


class PostgresStore:
    """An index in a database; nothing is created before the first build."""

    def __init__(self, address: str, names: Names = Names()) -> None:  # noqa: B008
        """Take a `postgresql://` address. Raises InputError where it is none; nothing is opened yet."""
        self._address, self.place = read_address(address)
        self._names = names
        self._connections = Connections(self._address, lambda _: None)

    def current(self) -> str | None:
        """Name the generation in force, None where there is no index."""
        described = self._described("number, name, '', null")
        return described.name if described else None

    def manifest(self) -> Manifest:
        """Read the manifest of the generation in force."""
        return Manifest.parse(self._in_force().manifest, where=self.place)

    def open(self, *, verification: Verification = "quick") -> PostgresGeneration:
        """Open the generation in force; again where a build swapped and removed it meanwhile."""
        while True:
            described = self._in_force()
            generation = PostgresGeneration(self._address, self._names, described, place=self.place)
            try:
                generation.verify(verification)
            except IndexDamaged:
                generation.close()
                if self.current() == described.name:
                    raise
            else:
                return generation

    @contextmanager
    def build(self) -> Iterator[PostgresDraft]:
        """Begin a transaction that holds the build lock; what is not published is rolled back."""
        with told(self.place), closing(connect(self._address)) as connection:
            connection.autocommit = False
            self._lock(connection)
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            register_vector(connection)
            yield PostgresDraft(connection, self._names, self._begin(connection), place=self.place)

    @contextmanager
    def scratch(self) -> Iterator[PostgresStore]:
        """Give a store of other schemas in the same database, dropped afterwards."""
        names = Names(f"{self._names.root}_draft_{secrets.token_hex(4)}")
        try:
            yield PostgresStore(self._address, names)
        finally:
            with told(self.place), closing(connect(self._address)) as connection:
                _drop(connection, names)

    def _lock(self, connection: Connection) -> None:
        # A build waits for its encoder, for as long as that takes.
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        lock = self._names.hold(BUILDING)
        free = connection.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", lock).fetchone()
        if free != (True,):
            raise IndexBusy(
                "another build is under way", where=self.place, next_step="wait until it ends, then try again"
            )

    def _begin(self, connection: Connection) -> int:
        """Make room for a generation: its row, its schema, and that schema first on the search path."""
        tables = (resources.files(__package__) / "generations.sql").read_text("utf-8")
        connection.execute(tables.format(schema=self._names.root))
        inserted = f"INSERT INTO {self._names.generations} DEFAULT VALUES RETURNING number"  # noqa: S608
        ((number,),) = connection.execute(inserted).fetchall()
        schema = self._names.schema(number)
        connection.execute(f"CREATE SCHEMA {schema}")
        path = f"concat('{schema},', current_setting('search_path'))"
        connection.execute(f"SELECT set_config('search_path', {path}, true)")
        return int(number)

    def _in_force(self) -> Described:
        described = self._described("number, name, manifest, effort")
        if described is None:
            raise IndexMissing("there is no index yet", where=self.place, next_step=BUILD)
        return described

    def _described(self, columns: str) -> Described | None:
        query = f"SELECT {columns} FROM {self._names.current} JOIN {self._names.generations} USING (number)"  # noqa: S608
        with told(self.place):
            try:
                rows = self._connections.rows(query)
            except (errors.UndefinedTable, errors.InvalidSchemaName):
                return None
        return Described(*rows[0]) if rows else None


def _drop(connection: Connection, names: Names) -> None:
    """Drop an index, its generations first, in transactions of their own: they may be many tables."""
    listed = connection.execute("SELECT to_regclass(%s)", (names.generations,)).fetchone()
    numbers = connection.execute(f"SELECT number FROM {names.generations}") if listed != (None,) else ()  # noqa: S608
    for schema in (*(names.schema(number) for (number,) in numbers), names.root):
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
