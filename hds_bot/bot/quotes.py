"""Rules and topics whose words the corpus no longer holds, each with the passage that comes nearest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from hds_bot import rules
from hds_bot.bot.anchors import anchors
from hds_bot.bot.settings import Settings
from hds_bot.corpus import find_quote, fold, read_corpus, split
from hds_bot.types import Document, Passage


@dataclass(frozen=True, slots=True)
class LostQuote:
    """A rule's quote that its document does not hold, and where the document comes nearest to it."""

    rule: str
    document: str
    quote: str
    nearest: Passage | None
    """None where the document itself is not in the corpus, or no longer in force."""


@dataclass(frozen=True, slots=True)
class LostAnchor:
    """A topic's words that its document does not hold: the topic's passage is no longer shown."""

    topic: str
    document: str
    quote: str
    nearest: Passage | None
    """None where the document itself is not in the corpus, or no longer in force."""


def check_rules(settings: Settings) -> tuple[LostQuote | LostAnchor, ...]:
    """Every quote of the rules, then every topic's anchor, that the corpus as it stands doesn't hold.

    Raises CorpusError.
    """
    documents = read_corpus(settings.corpus).documents
    return (*lost_quotes(documents), *lost_anchors(documents))


def lost_quotes(documents: Iterable[Document]) -> tuple[LostQuote, ...]:
    """Every quote of the rules that these documents, as far as they are in force, don't hold word for word."""
    by_id = _in_force(documents)

    def find(document: str, quote: str) -> tuple[int, int] | None:
        return find_quote(by_id[document].text, quote) if document in by_id else None

    return tuple(
        LostQuote(lost.rule, lost.document, lost.quote, _nearest(lost.quote, by_id.get(lost.document)))
        for lost in rules.check(rules.load_rules(), find)
    )


def lost_anchors(documents: Iterable[Document]) -> tuple[LostAnchor, ...]:
    """Every topic's words that these documents, as far as they are in force, don't hold word for word."""
    by_id = _in_force(documents)
    return tuple(
        LostAnchor(anchor.topic, anchor.document, anchor.words, _nearest(anchor.words, holding))
        for anchor in anchors()
        if (holding := by_id.get(anchor.document)) is None or not find_quote(holding.text, anchor.words)
    )


def _in_force(documents: Iterable[Document]) -> dict[str, Document]:
    return {document.id: document for document in documents if document.status == "in_force"}


def _nearest(quote: str, document: Document | None) -> Passage | None:
    if document is None:
        return None
    wanted = fold(quote)
    return max(
        split(document), key=lambda passage: fuzz.partial_ratio(wanted, fold(passage.text)), default=None
    )
