"""Which rules are left standing: those that apply and that no standing rule overrides."""

from __future__ import annotations

from hds_bot.errors import RulesError
from hds_bot.rules.logic import Facts
from hds_bot.rules.model import Rule, RuleBook
from hds_bot.types import Verdict


def standing_rules(book: RuleBook, facts: Facts) -> tuple[Rule, ...]:
    """Return the rules left standing, in the book's order; they share one verdict, and the first decides.

    RulesError where no rule covers the situation.
    """
    standing: list[Rule] = []
    for rule in book.precedence:
        if rule.when.holds(facts) and not any(rule.id in winner.overrides for winner in standing):
            standing.append(rule)
    if not standing:
        raise RulesError(
            "no rule covers this situation", where="rules.toml", next_step="add a rule that asks"
        )
    return tuple(sorted(standing, key=lambda rule: book.position[rule.id]))


def verdict_on(book: RuleBook, facts: Facts) -> Verdict:
    """Return the verdict alone."""
    return standing_rules(book, facts)[0].verdict
