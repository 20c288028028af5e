"""Where the index lies and is searched: a folder by default, or PostgreSQL, behind one protocol."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hds_bot.errors import InputError
from hds_bot.stores.folder import FolderStore
from hds_bot.stores.protocol import Draft, Generation, Store

__all__ = ["Draft", "FolderStore", "Generation", "Store", "open_store"]


def open_store(folder: Path, address: str = "") -> Store:
    """Give the store at an address: the folder where it is empty, else the database that it names.

    Nothing is opened yet. Raises InputError for an address of another kind.
    """
    return _open_database(address) if address else FolderStore(folder)


@cache
def _open_database(address: str) -> Store:
    """Give one store for each address, so that its connections are shared."""
    if not address.startswith(("postgresql://", "postgres://")):
        raise InputError(
            "is no postgresql:// address", where="HDS_BOT_STORE", next_step="leave it empty for a folder"
        )
    try:
        from hds_bot.stores.postgres import PostgresStore
    except ImportError as error:
        raise InputError(
            f"PostgreSQL as a store needs {error.name}", next_step="pip install 'hds-bot[postgres]'"
        ) from error
    return PostgresStore(address)
