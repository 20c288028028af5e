"""The index on disk: built beside, verified, swapped in at once; read through handles that outlive the swap.

    index/CURRENT              name of the generation in force, replaced atomically
    index/generations/<name>/  manifest.json, passages.sqlite, vectors.faiss, and what the caller adds
    index/LOCK                 held by the build under way

`docs/index.md` gives the layout, the swap and the guarantees.
"""

from __future__ import annotations

from hds_bot.index.generations import BUILD, current_generation, open_current, unreadable
from hds_bot.index.manifest import FORMAT, Manifest, Seal, Setting, Verification
from hds_bot.index.reader import Index
from hds_bot.index.revision import Revision
from hds_bot.index.rows import Entry
from hds_bot.index.writer import IndexWriter, new_generation

__all__ = [
    "BUILD",
    "FORMAT",
    "Entry",
    "Index",
    "IndexWriter",
    "Manifest",
    "Revision",
    "Seal",
    "Setting",
    "Verification",
    "current_generation",
    "new_generation",
    "open_current",
    "unreadable",
]
