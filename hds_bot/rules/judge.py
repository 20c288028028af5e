"""The verdict on a situation: the rules that apply, those that give way, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from hds_bot.errors import InputError
from hds_bot.rules.counterfactuals import changes_of
from hds_bot.rules.logic import Facts, Truth
from hds_bot.rules.missing import missing_from
from hds_bot.rules.model import Judgement, Rule, RuleBook
from hds_bot.rules.standing import standing_rules
from hds_bot.types import FactValue, Outcome, TraceStep


def judge(book: RuleBook, facts: Facts) -> Judgement:
    """Say what the rules make of a situation; a fact left out, or None, is unknown.

    InputError for a fact or a value outside the vocabulary.
    """
    for fact, value in facts.items():
        _check(book, fact, value)
    standing = standing_rules(book, facts)
    left = {rule.id for rule in standing}
    return Judgement(
        verdict=standing[0].verdict,
        decided_by=standing[0],
        quotes=tuple(dict.fromkeys(_quotes(standing))),
        trace=tuple(_step(rule, facts, stands=rule.id in left) for rule in book.rules),
        missing=missing_from(book, facts, standing[0]),
        changes=changes_of(book, facts, standing[0].verdict),
        facts=MappingProxyType(dict(facts)),
    )


def _check(book: RuleBook, fact: str, value: FactValue) -> None:
    if fact not in book.facts:
        known = ", ".join(book.facts)
        raise InputError(f"there is no fact “{fact}”", where="facts", next_step=f"one of: {known}")
    spec = book.facts[fact]
    if value is not None and not (isinstance(value, bool | str) and value in spec.labels):
        allowed = ", ".join(map(str, spec.labels))
        raise InputError(
            f"{value!r} is no value of “{fact}”", where="facts", next_step=f"one of: {allowed}, None"
        )


def _quotes(standing: Sequence[Rule]) -> Iterator[str]:
    """Give the deciding rule's quotes, the lines on this kind, then what else supports the verdict."""
    deciding, others = standing[0], standing[1:]
    yield from (deciding.quote, *deciding.also) if deciding.quote else ()
    yield from (rule.quote for rule in others if rule.line)
    yield from (rule.quote for rule in others if rule.quote)
    yield from (quote for rule in others for quote in rule.also)


def _step(rule: Rule, facts: Facts, *, stands: bool) -> TraceStep:
    truth, because = rule.when.explain(facts)
    return TraceStep(rule.id, _outcome(truth, stands=stands), because)


def _outcome(truth: Truth, *, stands: bool) -> Outcome:
    if truth is None:
        return "unknown"
    if not truth:
        return "not_met"
    return "fired" if stands else "overridden"
