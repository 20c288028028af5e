"""The index in PostgreSQL: vectors in pgvector, words as its own French full-text search stems them.

    hds_bot.generations      a row a generation: its name and manifest
    hds_bot.current          one row: the number of the generation in force
    hds_bot_<number>         documents, passages, vectors and postings of that generation

A build is one transaction, so readers see the generation before it or the one after it. Each reader shares an
advisory lock on its generation while it has it open; a generation that is no longer in force, nor the one
before that, goes once nobody holds it. `docs/deployment.md` tells how to load, replicate and shard it.
"""

from __future__ import annotations

from hds_bot.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
