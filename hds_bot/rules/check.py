"""Whether the documents still hold the quotes that the rules are pinned to."""

from __future__ import annotations

from collections.abc import Callable

from hds_bot.rules.model import LostQuote, RuleBook

Finder = Callable[[str, str], tuple[int, int] | None]
"""Called with (document id, quote): where the document says it, or None."""


def check(book: RuleBook, find: Finder) -> tuple[LostQuote, ...]:
    """Return the quotes that `find` doesn't find in their document, in the rules' order."""
    pinned = [(rule, quote) for rule in book.rules for quote in (rule.quote, *rule.also) if quote]
    return tuple(LostQuote(rule.id, rule.document, q) for rule, q in pinned if find(rule.document, q) is None)
