"""Rules whose words the corpus no longer holds, each with the passage that comes nearest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from hds_bot import rules
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


def check_rules(settings: Settings) -> tuple[LostQuote, ...]:
    """Every quote of the rules that the corpus, as it stands, doesn't hold. Raises CorpusError."""
    return lost_quotes(read_corpus(settings.corpus).documents)


def lost_quotes(documents: Iterable[Document]) -> tuple[LostQuote, ...]:
    """Every quote of the rules that these documents, as far as they are in force, don't hold word for word."""
    by_id = {document.id: document for document in documents if document.status == "in_force"}

    def find(document: str, quote: str) -> tuple[int, int] | None:
        return find_quote(by_id[document].text, quote) if document in by_id else None

    return tuple(
        LostQuote(lost.rule, lost.document, lost.quote, _nearest(lost.quote, by_id.get(lost.document)))
        for lost in rules.check(rules.load_rules(), find)
    )


def _nearest(quote: str, document: Document | None) -> Passage | None:
    if document is None:
        return None
    wanted = fold(quote)
    return max(
        split(document), key=lambda passage: fuzz.partial_ratio(wanted, fold(passage.text)), default=None
    )
