"""An index opened for questions: one generation, whole and unchanging, whatever builds do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from hds_bot.errors import IndexDamaged
from hds_bot.index import store, vectors
from hds_bot.index.generations import BUILD, open_current
from hds_bot.index.manifest import Manifest, Verification, verify
from hds_bot.index.rows import Entry
from hds_bot.index.store import Store
from hds_bot.index.vectors import Vectors
from hds_bot.types import BoolArray, Document, FloatArray, IntArray, Passage


class Index:
    """The passages, documents and vectors of one generation, safe to read from any number of threads."""

    def __init__(self, manifest: Manifest, path: Path, passages: Store, nearest: Vectors) -> None:
        self.manifest = manifest
        self.path = path
        """The generation's folder; gone from disk once a later build is in force."""
        self.documents: Mapping[str, Document] = Documents(
            passages.document, passages.entries, passages.documents
        )
        """By id, each read with its text when asked for."""
        self._store = passages
        self._vectors = nearest

    @classmethod
    def open(cls, root: Path, *, verification: Verification = "quick") -> Self:
        """Open the generation in force.

        Raises IndexMissing where there is none, IndexDamaged where it is not as it was built (whichever
        the verification, sizes are checked, and hashes of all files up to 64 MB), IndexMismatch where it
        has another format.
        """
        return open_current(root, lambda folder: cls.load(folder, verification=verification))

    @classmethod
    def load(cls, folder: Path, *, verification: Verification = "quick") -> Self:
        """Open one generation by its folder."""
        manifest = Manifest.read(folder)
        verify(folder, manifest, verification)
        index = cls(manifest, folder, Store(folder / store.NAME), Vectors(folder / vectors.NAME))
        index._refuse_disagreement()
        return index

    @property
    def generation(self) -> str:
        """Name of the generation, as `current_generation` gives it."""
        return self.path.name

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every document without its text: authority, status, tags, ordinals of its passages."""
        return self._store.entries()

    def passage(self, ordinal: int) -> Passage:
        """Read the passage at an ordinal. Raises IndexError past the end."""
        return self._store.passages([ordinal])[0]

    def passages(self, ordinals: Sequence[int]) -> tuple[Passage, ...]:
        """Read the passages at these ordinals, in the order asked for. Raises IndexError past the end."""
        return self._store.passages(ordinals)

    def passage_by_id(self, identifier: str) -> Passage:
        """Read the passage of this id, the first where it recurs. Raises KeyError where there is none."""
        return self._store.passage_by_id(identifier)

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """Read every passage of a document, in order; none where there is no such document."""
        return self._store.passages_of(document)

    def search(
        self, vector: FloatArray, k: int, *, allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k passages nearest to a unit vector: cosines and ordinals, best first, then by ordinal.

        `allowed` is a mask over all ordinals; fewer than k come back where it leaves fewer.
        """
        return self._vectors.search(vector, k, allowed=allowed)

    def ordinals_of(self, texts: Sequence[str]) -> dict[str, int]:
        """Look up by `Passage.indexed_text`, whatever its document, where it lies; leave out what is new."""
        return self._store.ordinals_of(texts)

    def vectors_for(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """Look up known vectors by `Passage.indexed_text`, whatever its document; leave out what is new."""
        ordinals = self.ordinals_of(texts)
        return dict(zip(ordinals, self._vectors.rows(list(ordinals.values())), strict=True))

    def rows(self, ordinals: Sequence[int]) -> FloatArray:
        """Read the vectors at these ordinals, in the order asked for."""
        return self._vectors.rows(ordinals)

    def close(self) -> None:
        """Give back the handles; also done when the last reference goes."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _refuse_disagreement(self) -> None:
        if self._vectors.shape != (self.manifest.passages, self.manifest.dimension):
            raise IndexDamaged("vectors and manifest disagree", where=str(self.path), next_step=BUILD)


class Documents(Mapping[str, Document]):
    """Documents by id, read one at a time, or at once where all values are asked for."""

    def __init__(
        self,
        read: Callable[[str], Document],
        entries: Callable[[], Sequence[Entry]],
        read_all: Callable[[], Sequence[Document]] | None = None,
    ) -> None:
        """Take what reads a document, or raises KeyError, what lists them all, and what reads them all."""
        self._read, self._entries, self._read_all = read, entries, read_all

    def __getitem__(self, identifier: str) -> Document:
        return self._read(identifier)

    def __iter__(self) -> Iterator[str]:
        return (entry.id for entry in self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def values(self) -> ValuesView[Document]:
        """Read every document."""
        if self._read_all is None:
            return super().values()
        return {document.id: document for document in self._read_all()}.values()
