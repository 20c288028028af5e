"""The facts still missing, and what each answer leads to."""

from __future__ import annotations

from hds_bot.rules.logic import Facts
from hds_bot.rules.model import DECIDED, MissingSpec, OptionSpec, Rule, RuleBook
from hds_bot.rules.standing import verdict_on


def missing_from(book: RuleBook, facts: Facts, rule: Rule) -> tuple[MissingSpec, ...]:
    """Return what the deciding rule asks and isn't known, what settles most answers first."""
    asked = [_missing(book, facts, fact) for fact in rule.asks if facts.get(fact) is None]
    return tuple(sorted(asked, key=_answers_that_settle, reverse=True))


def _missing(book: RuleBook, facts: Facts, fact: str) -> MissingSpec:
    values = book.facts[fact].labels
    return MissingSpec(fact, tuple(OptionSpec(v, verdict_on(book, {**facts, fact: v})) for v in values))


def _answers_that_settle(missing: MissingSpec) -> int:
    return sum(option.verdict in DECIDED for option in missing.options)
