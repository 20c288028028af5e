"""The smallest changes of fact that turn a verdict round."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import MappingProxyType

from hds_bot.rules.logic import Facts
from hds_bot.rules.model import DECIDED, Change, ChangeSpec, RuleBook
from hds_bot.rules.standing import standing_rules
from hds_bot.types import Verdict

_AT_MOST = 4


def changes_of(book: RuleBook, facts: Facts, verdict: Verdict) -> tuple[Change, ...]:
    """Return up to four changes that turn a oui into a non or back, the most telling first.

    Nothing where the verdict is not decided: what is missing then says what each answer leads to.
    """
    if verdict not in DECIDED:
        return ()
    return tuple(islice(_turning(book, facts, verdict), _AT_MOST))


def _turning(book: RuleBook, facts: Facts, verdict: Verdict) -> Iterator[Change]:
    seen: list[Facts] = []
    for spec in book.possible_changes:
        if (
            spec.when.holds(facts)
            and (change := _smallest(book, facts, spec, verdict))
            and change.facts not in seen
        ):
            seen.append(change.facts)
            yield change


def _smallest(book: RuleBook, facts: Facts, spec: ChangeSpec, verdict: Verdict) -> Change | None:
    """Try the change alone, then with what it implies."""
    for wanted in (spec.values, {**spec.values, **spec.implies}):
        new = {fact: value for fact, value in wanted.items() if facts.get(fact) is not value}
        if not new.keys() & spec.values.keys():
            return None
        rule = standing_rules(book, {**facts, **new})[0]
        if rule.verdict in DECIDED and rule.verdict is not verdict:
            return Change(MappingProxyType(new), rule.verdict, rule.quote, spec.condition)
    return None
