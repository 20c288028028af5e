"""Who overrides whom: the order among rules, and the proof that they never disagree in silence.

Two rules of different verdicts whose conditions can be true together must be ordered by a named override, and
overrides must not run in a circle. Then the rules left standing always agree: of two standing rules that
disagreed, one would override the other, so the other would not stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations

from hds_bot.errors import RulesError
from hds_bot.rules.logic import Facts
from hds_bot.rules.model import DECIDED, Rule

_ORDER_THEM = (
    "order them: let one group (or rule) override the other, or make their conditions exclude each other"
)


def order(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules, each after all that override it; RulesError where that can't decide every case."""
    _refuse_reliance_on_ignorance(rules)
    _refuse_silent_conflicts(rules)
    by_id = {rule.id: rule for rule in rules}
    overridden_by = {rule.id: [other.id for other in rules if rule.id in other.overrides] for rule in rules}
    try:
        return tuple(by_id[id_] for id_ in TopologicalSorter(overridden_by).static_order())
    except CycleError as error:
        circle = " > ".join(reversed(error.args[1]))
        raise RulesError(
            f"overrides run in a circle: {circle}", where="rules.toml", next_step=_ORDER_THEM
        ) from None


def _refuse_silent_conflicts(rules: Iterable[Rule]) -> None:
    for one, other in combinations(rules, 2):
        if one.verdict is other.verdict or one.id in other.overrides or other.id in one.overrides:
            continue
        if (example := one.when.meets(other.when)) is not None:
            pair = f"“{one.id}” ({one.verdict}) and “{other.id}” ({other.verdict})"
            what = f"{pair} can both apply: {_say(example)}"
            raise RulesError(what, where="rules.toml", next_step=_ORDER_THEM)


def _refuse_reliance_on_ignorance(rules: Iterable[Rule]) -> None:
    """Refuse a yes or no that learning a fact could undo without any rule saying so."""
    for rule in rules:
        if rule.verdict in DECIDED and rule.when.rests_on_unknown:
            what = f"“{rule.id}” decides ({rule.verdict}) because a fact is unknown"
            raise RulesError(what, where="rules.toml", next_step="only a rule that asks may test for unknown")


def _say(facts: Facts) -> str:
    return ", ".join(f"{fact} is {value}" for fact, value in facts.items())
