"""The rules, changes and cautions as they are written in TOML, checked one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hds_bot.errors import RulesError
from hds_bot.rules.lines import expand
from hds_bot.rules.logic import Condition, Facts, Terms, parse
from hds_bot.rules.model import DECIDED, CautionSpec, ChangeSpec, FactSpec, Rule, Words
from hds_bot.rules.reading import SEE, Table
from hds_bot.types import FactValue, Verdict

STANDINGS = ("official", "reported", "unsettled")


def read_rules_file(
    table: Table, facts: Mapping[str, FactSpec]
) -> tuple[tuple[Rule, ...], tuple[ChangeSpec, ...]]:
    """Read rules.toml: the rules in order, each with all that it overrides, and the changes."""
    document = table.take("document", str)
    terms = Terms(_values(facts), table.table("condition").rest())
    groups = table.table("overrides").named_texts()
    entries = [part for entry in table.tables("rule") for part in expand(entry, facts)]
    rules = tuple(_rule(entry, terms, document, line=line) for entry, line in entries)
    changes = tuple(_change(entry, terms) for entry in table.tables("change"))
    table.finish()
    return _settle_overrides(rules, groups), changes


def read_cautions_file(table: Table, facts: Mapping[str, FactSpec]) -> tuple[Words, tuple[CautionSpec, ...]]:
    """Read cautions.toml: the notice to show with them, and the cautions in order."""
    checked, notice, terms = table.take("checked", str), table.words("notice"), Terms(_values(facts))
    cautions = tuple(_caution(entry, terms, checked) for entry in table.tables("caution"))
    table.finish()
    return notice, cautions


# -- rules --------------------------------------------------------------------------------


def _rule(table: Table, terms: Terms, document: str, *, line: bool) -> Rule:
    rule = Rule(
        id=table.take("id", str),
        group=table.take("group", str),
        title=table.words("title"),
        verdict=_verdict(table.take("verdict", str), table.where),
        when=_condition(table, "when", terms),
        overrides=frozenset(table.texts("overrides", optional=True)),
        document=table.take("document", str, document),
        quote=table.optional_text("quote"),
        also=table.texts("also", optional=True),
        summary=table.words("summary"),
        asks=table.texts("asks", optional=True),
        line=line,
    )
    table.finish()
    _check_rule(rule, terms, table.where)
    return rule


def _check_rule(rule: Rule, terms: Terms, where: str) -> None:
    asks, cites = rule.verdict is Verdict.A_PRECISER, rule.verdict in (*DECIDED, Verdict.A_PRECISER)
    for wrong, what in (
        (asks != bool(rule.asks), "a rule asks where, and only where, its verdict is a_preciser"),
        (cites != bool(rule.quote), "a rule has a quote where, and only where, it gives a verdict"),
        (not set(rule.asks) <= set(terms.values), "asks names no known fact"),
        (not rule.when.facts, "when is empty: the rule would always apply"),
    ):
        if wrong:
            raise RulesError(what, where=where, next_step=SEE)


def _settle_overrides(rules: Sequence[Rule], groups: Mapping[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    """Turn each rule's overrides, its group's included, into the ids of rules."""
    ids, names = [rule.id for rule in rules], set(groups)
    _refuse("two rules of one id", [id_ for id_, times in Counter(ids).items() if times > 1])
    _refuse("unknown group", {rule.group for rule in rules} - names)
    _refuse("[overrides] names an unknown group", {name for over in groups.values() for name in over} - names)
    _refuse(
        "a rule overrides an unknown rule", {name for rule in rules for name in rule.overrides} - set(ids)
    )
    return tuple(
        replace(rule, overrides=rule.overrides | _members(rules, groups[rule.group])) for rule in rules
    )


def _members(rules: Iterable[Rule], groups: Iterable[str]) -> set[str]:
    return {rule.id for rule in rules if rule.group in groups}


def _refuse(what: str, names: Iterable[str]) -> None:
    if names := sorted(names):
        raise RulesError(f"{what}: {', '.join(names)}", where="rules.toml", next_step=SEE)


def _verdict(written: str, where: str) -> Verdict:
    if written not in list(Verdict):
        raise RulesError(f"“{written}” is no verdict", where=where, next_step=f"one of: {', '.join(Verdict)}")
    return Verdict(written)


def _condition(table: Table, key: str, terms: Terms) -> Condition:
    return parse(table.take(key, list), terms, where=f"{table.where}, {key}")


def _values(facts: Mapping[str, FactSpec]) -> Mapping[str, Mapping[str, FactValue]]:
    return {id_: spec.values for id_, spec in facts.items()}


# -- changes and cautions -----------------------------------------------------------------


def _change(table: Table, terms: Terms) -> ChangeSpec:
    change = ChangeSpec(
        values=_assignments(table.table("set"), terms),
        implies=_assignments(table.table("implies", optional=True), terms),
        when=_condition(table, "when", terms),
        condition=table.words("condition"),
    )
    table.finish()
    return change


def _assignments(table: Table, terms: Terms) -> Facts:
    written = table.rest()
    for fact, value in written.items():
        if value not in terms.values.get(fact, {}):
            raise RulesError(f"{fact} = {value!r} sets no known fact", where=table.where, next_step=SEE)
    return MappingProxyType({fact: terms.values[fact][value] for fact, value in written.items()})


def _caution(table: Table, terms: Terms, checked: str) -> CautionSpec:
    caution = CautionSpec(
        id=table.take("id", str),
        text=table.words("text"),
        reference=table.take("reference", str),
        url=table.take("url", str),
        standing=table.take("standing", str),
        checked=table.take("checked", str, checked),
        verdicts=frozenset(_verdict(written, table.where) for written in table.texts("verdicts")),
        when=_condition(table, "when", terms),
        bears_on=_condition(table, "bears_on", terms) if table.has("bears_on") else None,
    )
    table.finish()
    if caution.standing not in STANDINGS:
        raise RulesError("unknown standing", where=table.where, next_step=f"one of: {', '.join(STANDINGS)}")
    return caution
