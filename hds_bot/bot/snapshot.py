"""One generation of the index with what an answer needs of it, unchanging while it is in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import hds_bot
from hds_bot import facts, rules
from hds_bot.bot.serving import open_encoder
from hds_bot.bot.settings import Settings
from hds_bot.corpus import find_quote
from hds_bot.errors import IndexMismatch
from hds_bot.facts import Reading
from hds_bot.retrieval import Retriever
from hds_bot.stores import Generation, Store
from hds_bot.types import Answer, Encoder, FactValue, Passage, Provenance, ReadingEncoder


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule's words stand: the passage that holds them, and the words as they are there."""

    passage: Passage
    quote: str


class Snapshot:
    """A retriever, the rule book, and the places of its quotes in this generation."""

    def __init__(self, retriever: Retriever, encoder: Encoder) -> None:
        self.retriever = retriever
        self.encoder = encoder
        self.book = rules.load_rules()
        self.provenance = _provenance(retriever.index, self.book)
        self.place = lru_cache(maxsize=None)(self._place)
        self._origin = lru_cache(maxsize=1024)(self._find_origin)

    @classmethod
    def open(cls, settings: Settings, encoder: Encoder | None = None) -> Snapshot:
        """Open the generation in force, with the encoder already open or another.

        Raises IndexMissing, IndexDamaged, IndexMismatch or EncoderError, each with the next step.
        """
        store = settings.open_store()
        _refuse_other_encoder(store, settings)
        encoder = encoder or open_encoder(settings)
        return cls(Retriever.open(store, encoder), encoder)

    def read(self, turns: Sequence[str], known: Mapping[str, FactValue] | None = None) -> Reading:
        """Facts of a conversation, with the encoder's help where it gives more than vectors."""
        read = self.encoder.read_queries if isinstance(self.encoder, ReadingEncoder) else None
        return facts.extract(turns, known=known, read=read, encoder=self.encoder.identity)

    def with_origins(self, answer: Answer) -> Answer:
        """Name the publisher and date of each citation, as its document gives them."""
        origins = [self._origin(cited.passage.document) for cited in answer.passages]
        cited = zip(answer.passages, origins, strict=True)
        named = (replace(one, publisher=publisher, date=date) for one, (publisher, date) in cited)
        return replace(answer, passages=tuple(named))

    @property
    def generation(self) -> str:
        """Name of the generation."""
        return self.retriever.index.generation

    def _find_origin(self, document: str) -> tuple[str, str]:
        """Who published a document, and when; each empty where it doesn't say."""
        found = self.retriever.index.documents[document]
        return found.publisher, found.date

    def _place(self, document: str, quote: str) -> Place | None:
        """Where a document in force says a quote; None where it doesn't, or isn't there."""
        index = self.retriever.index
        found = index.documents.get(document)
        if found is None or found.status != "in_force":
            return None
        text = found.text
        start, end = find_quote(text, quote) or (-1, -1)
        holding = (p for p in index.passages_of(document) if p.start <= start < p.end)
        return next((Place(passage, text[start : min(end, passage.end)]) for passage in holding), None)


def _refuse_other_encoder(store: Store, settings: Settings) -> None:
    """Told before an encoder is loaded: that can take seconds."""
    built_with = store.manifest().encoder
    if built_with != settings.encoder_identity:
        raise IndexMismatch(
            f"was built with the encoder {built_with}, but {settings.encoder_identity} is asked for",
            where=store.place,
            next_step="name that one (--encoder NAME), or build for this one: hds-bot index build",
        )


def _provenance(index: Generation, book: rules.RuleBook) -> Provenance:
    return Provenance(
        version=hds_bot.__version__,
        rules=f"{book.sha256[:16]}-{facts.fingerprint()[:16]}",
        corpus=index.manifest.corpus_sha256,
        index=index.manifest.content,
        encoder=index.manifest.encoder,
    )
