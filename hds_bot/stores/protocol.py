"""What a store is: where generations of an index lie, are built beside one another, opened and searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from hds_bot.index import Entry, Manifest, Setting, Verification
from hds_bot.types import BoolArray, Document, FloatArray, IntArray, Passage


class Searched(Protocol):
    """Both lists that a hybrid search fuses; ordinals number the passages of one generation from 0."""

    def search(
        self, vector: FloatArray, k: int, *, allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k passages nearest to a unit vector: cosines and ordinals, best first, then by ordinal.

        `allowed` is a mask over all ordinals; fewer than k come back where it leaves fewer.
        """

    def search_words(
        self, query: str, k: int, *, extra_terms: Sequence[str] = (), allowed: BoolArray | None = None
    ) -> tuple[FloatArray, IntArray]:
        """Find the k best passages that share a word: BM25 scores and ordinals, best first, then by ordinal.

        `extra_terms` are searched as well; those already in the query don't count again.
        """


class Generation(Searched, Protocol):
    """One build, opened: whole and unchanging whatever builds do meanwhile, safe from any number of threads."""

    @property
    def manifest(self) -> Manifest:
        """What it was built from."""

    @property
    def generation(self) -> str:
        """Its name, as `Store.current` gives it."""

    @property
    def place(self) -> str:
        """Where it lies, for people; never a password."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every document without its text."""

    @property
    def documents(self) -> Mapping[str, Document]:
        """By id, each read with its text when asked for."""

    def passages(self, ordinals: Sequence[int]) -> tuple[Passage, ...]:
        """Read the passages at these ordinals, in the order asked for. Raises IndexError past the end."""

    def passage_by_id(self, identifier: str) -> Passage:
        """Read the passage of this id, the first where it recurs. Raises KeyError where there is none."""

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """Read every passage of a document, in order; none where there is no such document."""

    def vectors_for(self, texts: Sequence[str]) -> dict[str, FloatArray]:
        """Look up known vectors by `Passage.indexed_text`, whatever its document; leave out what is new."""

    def close(self) -> None:
        """Give back what it holds; also done when the last reference goes."""


class Draft(Protocol):
    """A generation being built; what is not published leaves nothing behind."""

    def write(
        self,
        documents: Sequence[Document],
        passages: Sequence[Passage],
        rows: FloatArray,
    ) -> None:
        """Write documents, passages, their vectors and their words; passage i has ordinal i and row i.

        `rows` is (len(passages), dimension) float32 of unit length. The passages of a document follow one
        another; they may be a `Revision` of a generation that this very code and encoder made. Raises
        CorpusError where there are no passages, EncoderError where vectors are odd.
        """

    def publish(
        self, *, version: str, encoder: str, corpus_sha256: str, settings: Mapping[str, Setting]
    ) -> Manifest:
        """Seal it, verify it, and put it in force: readers see the old one or this one, never a part."""


class Store(Protocol):
    """Where the generations of one index lie."""

    @property
    def place(self) -> str:
        """Where that is, for people; never a password."""

    def current(self) -> str | None:
        """Name the generation in force, None where there is no index: one small read, for hot reload."""

    def manifest(self) -> Manifest:
        """Read the manifest of the generation in force. Raises IndexMissing, IndexDamaged, IndexMismatch."""

    def open(self, *, verification: Verification = "quick") -> Generation:
        """Open the generation in force; again where a build swapped it meanwhile. Raises as `manifest`."""

    def build(self) -> AbstractContextManager[Draft]:
        """Hold the build lock and a fresh draft. Raises IndexBusy where another build is under way."""

    def scratch(self) -> AbstractContextManager[Store]:
        """Give an empty store of the same kind, gone afterwards: for what is built only to be compared."""
