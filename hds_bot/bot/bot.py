"""The bot: a question in, an answer with its proof out; the newest index taken with each question."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from hds_bot.bot.answering import answer, search
from hds_bot.bot.building import BuildProgress, build_index
from hds_bot.bot.question import clean_query, clean_turns
from hds_bot.bot.settings import Settings
from hds_bot.bot.snapshot import Snapshot
from hds_bot.errors import NotFound
from hds_bot.index import Entry
from hds_bot.types import Answer, Document, Encoder, FactValue, Hit, Language, Passage


class HdsBot:
    """Answers questions about HDS hosting from an index. Keeps no memory; safe from any number of threads."""

    def __init__(self, settings: Settings) -> None:
        """Open the index. Raises IndexMissing, IndexDamaged, IndexMismatch or EncoderError."""
        self.settings = settings
        self._opening = threading.Lock()
        self._store = settings.open_store()
        self._snapshot = Snapshot.open(settings)

    @classmethod
    def load(
        cls,
        *,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        store: str | None = None,
    ) -> Self:
        """Open an index that is already built; what is left out comes from the environment, else the default.

        `encoder` is a sentence-transformers model by hub name or folder, or an object that encodes; `store`
        the address of a PostgreSQL database that holds the index instead of its folder.
        """
        return cls(Settings.resolve(corpus=corpus, index=index, encoder=encoder, store=store))

    @classmethod
    def build(
        cls,
        *,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        store: str | None = None,
        progress: BuildProgress | None = None,
    ) -> Self:
        """Bring the index up to date with the corpus, then open it.

        `progress` is called with (stage, done, total). Raises CorpusError, EncoderError, IndexBusy or
        IndexError_; the index in force then stays as it was.
        """
        settings = Settings.resolve(corpus=corpus, index=index, encoder=encoder, store=store)
        build_index(settings, progress=progress)
        return cls(settings)

    def ask(
        self,
        turns: str | Sequence[str],
        known_facts: Mapping[str, FactValue] | None = None,
        *,
        language: Language | None = None,
    ) -> Answer:
        """Answer a question, or the last turn of a conversation, oldest turn first.

        `known_facts` are set by hand and win over what the words say; None means "not known". `language` is
        the one to answer in, where it is not to be the question's. Raises InputError for turns or facts that
        can't be used.
        """
        snapshot = self.snapshot
        given = answer(snapshot, clean_turns(turns), known_facts or {}, language=language)
        return snapshot.with_origins(given)

    def search(
        self,
        query: str,
        k: int = 5,
        *,
        documents: Collection[str] | None = None,
        tags: Collection[str] | None = None,
    ) -> tuple[Hit, ...]:
        """Find the k passages nearest to a query, best first; none where nothing is near.

        `documents` and `tags` restrict to these documents, and to those with one of these tags. Raises
        InputError for a query or k that can't be used, or a document or tag that isn't there.
        """
        snapshot = self.snapshot
        return search(snapshot, snapshot.read((clean_query(query),)), k, documents=documents, tags=tags)

    def documents(self) -> tuple[Entry, ...]:
        """Every document of the index, without its text."""
        return self.snapshot.retriever.index.entries

    def document(self, identifier: str) -> Document:
        """Read a document with its text. Raises NotFound."""
        try:
            return self.snapshot.retriever.index.documents[identifier]
        except KeyError:
            raise _not_found("document", identifier) from None

    def passage(self, identifier: str) -> Passage:
        """Read a passage by the id that answers and searches give. Raises NotFound."""
        try:
            return self.snapshot.retriever.index.passage_by_id(identifier)
        except KeyError:
            raise _not_found("passage", identifier) from None

    @property
    def snapshot(self) -> Snapshot:
        """The generation in force, opened where a build replaced it; the last one, where none is."""
        if self._store.current() in (self._snapshot.generation, None):
            return self._snapshot
        with self._opening:
            if self._store.current() != self._snapshot.generation:
                self._snapshot = Snapshot.open(self.settings, self._snapshot.encoder)
            return self._snapshot


def _not_found(kind: str, identifier: str) -> NotFound:
    return NotFound(
        f"no {kind} {identifier!r} in the index", next_step="take an id that an answer or a search gave"
    )
