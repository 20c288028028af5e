"""The default store: a folder of files, vectors in FAISS and words in BM25 arrays, mapped from disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hds_bot import lexical
from hds_bot.index import (
    Entry,
    Index,
    IndexWriter,
    Manifest,
    Revision,
    Setting,
    Verification,
    current_generation,
    new_generation,
    open_current,
)
from hds_bot.types import BoolArray, Document, FloatArray, IntArray, Passage

LEXICAL = "lexical"
"""The lexical index's folder inside a generation."""


class FolderStore:
    """The index below a folder; nothing is created before the first build."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def current(self) -> str | None:
        """Name the generation in force, None where there is no index."""
        return current_generation(self._root)

    def manifest(self) -> Manifest:
        """Read the manifest of the generation in force, nothing else."""
        return open_current(self._root, Manifest.read)

    def open(self, *, verification: Verification = "quick") -> FolderGeneration:
        """Open passages, vectors and words of the generation in force."""
        return FolderGeneration.open(self._root, verification=verification)

    @contextmanager
    def build(self) -> Iterator[FolderDraft]:
        """Hold the build lock and a fresh folder to build in."""
        with new_generation(self._root) as writer:
            yield FolderDraft(writer)

    @contextmanager
    def scratch(self) -> Iterator[FolderStore]:
        """Give a store in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="hds-bot-") as folder:
            yield FolderStore(Path(folder))


class FolderGeneration(Index):
    """An index with the words of its passages."""

    _words: lexical.LexicalIndex

    @classmethod
    def load(cls, folder: Path, *, verification: Verification = "quick") -> Self:
        """Open one generation by its folder."""
        generation = super().load(folder, verification=verification)
        generation._words = lexical.LexicalIndex.open(folder / LEXICAL)
        return generation

    @property
    def place(self) -> str:
        """Its folder."""
        return str(self.path)

    def search_words(
        self, query: str, k: int, *, extra_terms: Sequence[str] = (), allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k best passages that share a word: BM25 scores and ordinals, best first, then by ordinal."""
        return self._words.search(query, k, extra_terms=extra_terms, allowed=allowed)


class FolderDraft:
    """A generation being built in a folder of its own."""

    def __init__(self, writer: IndexWriter) -> None:
        self._writer = writer

    def write(
        self,
        documents: Sequence[Document],
        passages: Sequence[Passage],
        rows: FloatArray,
    ) -> None:
        """Write documents, passages, vectors and words; what a `Revision` takes over is copied."""
        self._writer.write(documents, passages, rows)
        folder = self._writer.path / LEXICAL
        if isinstance(passages, Revision):
            lexical.build(_texts(passages), folder, earlier=passages.earlier.path / LEXICAL)
        else:
            lexical.build((passage.indexed_text for passage in passages), folder)

    def publish(
        self, *, version: str, encoder: str, corpus_sha256: str, settings: Mapping[str, Setting]
    ) -> Manifest:
        """Seal every file, verify as a reader would, and put the generation in force."""
        return self._writer.publish(
            version=version, encoder=encoder, corpus_sha256=corpus_sha256, settings=settings
        )


def _texts(revision: Revision) -> Iterator[str | range]:
    for part in revision.parts:
        if isinstance(part, Entry):
            yield range(part.first, part.after)
        else:
            yield from (passage.indexed_text for passage in part)
