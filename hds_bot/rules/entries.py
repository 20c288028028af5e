"""The rules, changes and cautions as they are written in TOML, checked one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hds_bot.errors import RulesError
from hds_bot.rules.logic import Condition, Facts, parse
from hds_bot.rules.model import DECIDED, CautionSpec, ChangeSpec, FactSpec, Rule, Words
from hds_bot.rules.reading import SEE, Table
from hds_bot.types import Language, Verdict

STANDINGS = ("official", "reported", "unsettled")
_LANGUAGES: tuple[Language, ...] = ("fr", "en")
FactSpecs = Mapping[str, FactSpec]


def read_rules_file(table: Table, facts: FactSpecs) -> tuple[tuple[Rule, ...], tuple[ChangeSpec, ...]]:
    """Read rules.toml: the rules in order, each with all that it overrides, and the changes."""
    document = table.take("document", str)
    groups = {id_: _overrides(group) for id_, group in table.table("group").named()}
    entries = [part for entry in table.tables("rule") for part in _expand(entry, facts)]
    rules = tuple(_rule(entry, facts, document, line=line) for entry, line in entries)
    changes = tuple(_change(entry, facts) for entry in table.tables("change"))
    table.finish()
    return _settle_overrides(rules, groups), changes


def read_cautions_file(table: Table, facts: FactSpecs) -> tuple[Words, tuple[CautionSpec, ...]]:
    """Read cautions.toml: the notice to show with them, and the cautions in order."""
    checked, notice = table.take("checked", str), table.words("notice")
    cautions = tuple(_caution(entry, facts, checked) for entry in table.tables("caution"))
    table.finish()
    return notice, cautions


# -- rules --------------------------------------------------------------------------------


def _overrides(group: Table) -> tuple[str, ...]:
    group.words("title")
    overrides = group.texts("overrides")
    group.finish()
    return overrides


def _expand(table: Table, facts: FactSpecs) -> Iterator[tuple[Table, bool]]:
    """Make one more rule for each of a rule's lines; the rule itself follows where it has a quote."""
    written, where = table.rest(), table.where
    if "each" not in written:
        yield Table(written, where), False
        return
    general = {key: value for key, value in written.items() if key not in ("each", "lines", "summary_each")}
    kinds = _kinds(Table(written, where), facts)
    for value, quote in Table(written, where).table("lines").rest().items():
        yield Table({**general, **_line(Table(written, where), value, kinds), "quote": quote}, where), True
    if "quote" in general:
        yield Table(general, where), False


def _kinds(table: Table, facts: FactSpecs) -> FactSpec:
    each = table.take("each", str)
    if each not in facts:
        raise RulesError(f"each names no known fact: {each}", where=table.where, next_step="see facts.toml")
    return facts[each]


def _line(table: Table, value: str, kinds: FactSpec) -> dict[str, object]:
    """Return what sets a line's rule apart from the rule it was made from."""
    title, summary = table.words("title"), table.words("summary")
    summary, label = table.optional_words("summary_each", summary), kinds.labels.get(value, title)
    return {
        "id": f"{table.take('id', str)}-{value.replace('_', '-')}",
        "title": {lang: f"{title[lang]} ({label[lang]})" for lang in _LANGUAGES},
        "summary": {lang: summary[lang].replace("{value}", label[lang]) for lang in _LANGUAGES},
        "when": [*table.take("when", list), f"{kinds.id} is {value}"],
        "also": [],
    }


def _rule(table: Table, facts: FactSpecs, document: str, *, line: bool) -> Rule:
    rule = Rule(
        id=table.take("id", str),
        group=table.take("group", str),
        title=table.words("title"),
        verdict=_verdict(table),
        when=_condition(table, "when", facts),
        overrides=frozenset(table.texts("overrides", optional=True)),
        document=table.take("document", str, document),
        quote=table.optional_text("quote"),
        also=table.texts("also", optional=True),
        summary=table.words("summary"),
        asks=table.texts("asks", optional=True),
        line=line,
    )
    table.finish()
    _check_rule(rule, facts, table.where)
    return rule


def _check_rule(rule: Rule, facts: FactSpecs, where: str) -> None:
    asks, cites = rule.verdict is Verdict.A_PRECISER, rule.verdict in (*DECIDED, Verdict.A_PRECISER)
    for wrong, what in (
        (asks != bool(rule.asks), "a rule asks where, and only where, its verdict is a_preciser"),
        (cites != bool(rule.quote), "a rule has a quote where, and only where, it gives a verdict"),
        (not set(rule.asks) <= set(facts), "asks names no known fact"),
        (not rule.when.facts, "when is empty: the rule would always apply"),
    ):
        if wrong:
            raise RulesError(what, where=where, next_step=SEE)


def _settle_overrides(rules: Sequence[Rule], groups: Mapping[str, tuple[str, ...]]) -> tuple[Rule, ...]:
    """Turn each rule's overrides, its group's included, into the ids of rules."""
    ids = [rule.id for rule in rules]
    _refuse_strangers("rule id used twice", [id_ for id_, times in Counter(ids).items() if times > 1])
    _refuse_strangers("unknown group", {rule.group for rule in rules} - set(groups))
    _refuse_strangers(
        "overrides an unknown group", {name for over in groups.values() for name in over} - set(groups)
    )
    _refuse_strangers(
        "overrides an unknown rule", {name for rule in rules for name in rule.overrides} - set(ids)
    )
    return tuple(
        replace(
            rule,
            overrides=rule.overrides | {other.id for other in rules if other.group in groups[rule.group]},
        )
        for rule in rules
    )


def _refuse_strangers(what: str, names: Iterable[str]) -> None:
    if names := sorted(names):
        raise RulesError(f"{what}: {', '.join(names)}", where="rules.toml", next_step=SEE)


def _verdict(table: Table) -> Verdict:
    written = table.take("verdict", str)
    if written not in list(Verdict):
        raise RulesError(
            f"“{written}” is no verdict", where=table.where, next_step=f"one of: {', '.join(Verdict)}"
        )
    return Verdict(written)


def _condition(table: Table, key: str, facts: FactSpecs) -> Condition:
    vocabulary = {id_: spec.values for id_, spec in facts.items()}
    return parse(table.take(key, list), vocabulary, where=f"{table.where}, {key}")


# -- changes and cautions -----------------------------------------------------------------


def _change(table: Table, facts: FactSpecs) -> ChangeSpec:
    change = ChangeSpec(
        values=_assignments(table.table("set"), facts),
        implies=_assignments(table.table("implies", optional=True), facts),
        when=_condition(table, "when", facts),
        condition=table.words("condition"),
    )
    table.finish()
    return change


def _assignments(table: Table, facts: FactSpecs) -> Facts:
    """Read `fact = "value"` lines, checked as the condition `fact is value` would be."""
    written = table.rest()
    vocabulary = {id_: spec.values for id_, spec in facts.items()}
    for fact, value in written.items():
        parse(f"{fact} is {value}", vocabulary, where=table.where)
    return MappingProxyType({fact: vocabulary[fact][value] for fact, value in written.items()})


def _caution(table: Table, facts: FactSpecs, checked: str) -> CautionSpec:
    caution = CautionSpec(
        id=table.take("id", str),
        text=table.words("text"),
        reference=table.take("reference", str),
        url=table.take("url", str),
        standing=table.take("standing", str),
        checked=table.take("checked", str, checked),
        verdicts=frozenset(map(Verdict, table.texts("verdicts"))),
        when=_condition(table, "when", facts),
        bears_on=_condition(table, "bears_on", facts) if table.has("bears_on") else None,
    )
    table.finish()
    if caution.standing not in STANDINGS:
        raise RulesError("unknown standing", where=table.where, next_step=f"one of: {', '.join(STANDINGS)}")
    return caution
