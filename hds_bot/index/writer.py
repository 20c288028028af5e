"""A build: written beside the index in force, sealed, checked as a reader would, then swapped in at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hds_bot.errors import CorpusError, IndexError_
from hds_bot.index import store, vectors
from hds_bot.index.generations import BUILD, next_name, put_in_force, remove_others, sync_folder
from hds_bot.index.lock import build_lock
from hds_bot.index.manifest import Counts, Manifest, Setting, seal_files
from hds_bot.index.reader import Index
from hds_bot.types import Document, FloatArray, Passage


@contextmanager
def new_generation(root: Path) -> Iterator[IndexWriter]:
    """Hold the build lock and a fresh folder to build in; what is not published leaves nothing behind.

    Raises IndexBusy where another build is under way, IndexError_ where the folder can't be written or the
    disk is full. Whatever fails, the index in force stays as it was.
    """
    with _write_errors_told(root):
        (root / "generations").mkdir(parents=True, exist_ok=True)
        with build_lock(root):
            remove_others(root)
            folder = root / "generations" / ".building"
            folder.mkdir()
            try:
                yield IndexWriter(root, folder)
            finally:
                remove_others(root)


class IndexWriter:
    """One generation being built; `path` is its folder, where the caller writes files of its own."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path
        self._root = root

    def write(self, documents: Sequence[Document], passages: Sequence[Passage], rows: FloatArray) -> None:
        """Write documents, passages and their vectors; passage i has ordinal i and the vector in row i.

        What a `Revision` takes over is copied, not read.

        `rows` is (len(passages), dimension) float32 of unit length. The passages of a document follow one
        another. Raises CorpusError where there are none, EncoderError where vectors are odd.
        """
        if not passages:
            raise CorpusError("no passage to index", next_step="add a document to the corpus folder")
        if len(rows) != len(passages):
            raise ValueError(f"{len(rows)} vectors for {len(passages)} passages")
        vectors.write_vectors(self.path / vectors.NAME, rows)
        digest = store.write_store(self.path / store.NAME, documents, passages)
        self._counts = Counts(len(documents), len(passages), rows.shape[1], digest)

    def publish(
        self, *, version: str, encoder: str, corpus_sha256: str, settings: Mapping[str, Setting]
    ) -> Manifest:
        """Seal every file of the folder, verify as a reader would, and put the generation in force."""
        manifest = Manifest.of(
            self._counts,
            version=version,
            encoder=encoder,
            corpus=corpus_sha256,
            settings=settings,
            files=seal_files(self.path),
        )
        manifest.write(self.path)
        _sync(self.path)
        sealed = self.path.rename(self.path.with_name(next_name(self._root, manifest.content)))
        sync_folder(sealed.parent)
        Index.load(sealed, verification="full").close()
        put_in_force(self._root, sealed.name)
        return manifest


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb+") as file:
                os.fsync(file.fileno())


@contextmanager
def _write_errors_told(root: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise IndexError_(
            f"the index can't be written ({error}); the one in force, if any, is as it was",
            where=str(root),
            next_step=f"see to free space and write permission there, then {BUILD}",
        ) from error
