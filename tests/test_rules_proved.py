"""The rules proved: over every combination of facts by z3, and against the labelling rules by hand.

A situation is one variable a fact, unknown included; a rule stands where the formula says so that
`standing_rules` computes. A claim is proved where z3 finds no situation against it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from types import MappingProxyType

import pytest
import z3  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from hds_bot.errors import RulesError
from hds_bot.rules import RuleBook, judge, load_rules
from hds_bot.rules.logic import Facts
from hds_bot.rules.model import Rule
from hds_bot.rules.standing import standing_rules, verdict_on
from hds_bot.types import FactValue, Verdict

BOOK = load_rules()
VALUES: dict[str, list[FactValue]] = {fact: [None, *spec.labels] for fact, spec in BOOK.facts.items()}
BITS = 5
EXCLUSIONS = ("anonymised", "statistical", "simulated", "no_personal_data")
CONDITIONS = ("stores_records", "uses_software", "exchanges_data", "teleconsults")
ONLY_CHOOSE_THE_QUOTE = [
    *("encrypted", "pseudonymised", "proof_of_concept", "test_environment"),
    *("establishment_kind", "product", "provider_kind", "organisation_kind", "health_data_kind"),
]
DECIDED = (Verdict.OUI, Verdict.NON)


class Situation:
    """Every situation at once: z3 variables for the facts, and which rules stand as formulas over them."""

    def __init__(
        self, fixed: Facts = MappingProxyType({}), *, book: RuleBook = BOOK, name: str = "f"
    ) -> None:
        self.book = book
        self.facts = {fact: z3.BitVec(f"{name}.{fact}", BITS) for fact in VALUES}
        self.facts |= {fact: code(fact, value) for fact, value in fixed.items()}
        self.possible = z3.And([z3.ULT(var, len(VALUES[fact])) for fact, var in self.facts.items()])
        self.stands: dict[str, z3.BoolRef] = {}
        for rule in book.precedence:
            winners = [
                self.stands[w.id] for w in book.precedence if w.id in self.stands and rule.id in w.overrides
            ]
            self.stands[rule.id] = z3.And(self.met(rule), z3.Not(z3.Or(winners)))

    def met(self, rule: Rule) -> z3.BoolRef:
        return z3.Or(
            [z3.And([self.one_of(a.fact, a.accepted) for a in clause]) for clause in rule.when.clauses]
        )

    def one_of(self, fact: str, values: frozenset[FactValue]) -> z3.BoolRef:
        return z3.Or([self.facts[fact] == code(fact, value) for value in values])

    def has(self, fact: str, value: FactValue) -> z3.BoolRef:
        return self.facts[fact] == code(fact, value)

    def gets(self, *verdicts: Verdict) -> z3.BoolRef:
        return z3.Or([self.stands[rule.id] for rule in self.book.rules if rule.verdict in verdicts])

    def decided_by(self, rule: Rule) -> z3.BoolRef:
        earlier = self.book.rules[: self.book.position[rule.id]]
        return z3.And(self.stands[rule.id], z3.Not(z3.Or([self.stands[r.id] for r in earlier])))

    def read(self, model: z3.ModelRef) -> dict[str, FactValue]:
        values = {f: model.eval(var, model_completion=True).as_long() for f, var in self.facts.items()}
        return {fact: VALUES[fact][number] for fact, number in values.items() if number}


def code(fact: str, value: FactValue) -> z3.BitVecRef:
    return z3.BitVecVal(VALUES[fact].index(value), BITS)


def counterexample(claim: z3.BoolRef, *situations: Situation) -> list[dict[str, FactValue]] | None:
    solver = z3.Solver()
    solver.add(*(situation.possible for situation in situations), z3.Not(claim))
    if solver.check() == z3.unsat:
        return None
    return [situation.read(solver.model()) for situation in situations]


ASKING = [rule for rule in BOOK.rules if rule.verdict is Verdict.A_PRECISER]


# -- over every combination of facts ------------------------------------------------------


def test_every_combination_of_facts_gets_a_verdict() -> None:
    anything = Situation()
    assert counterexample(anything.gets(*Verdict), anything) is None


def test_rules_left_standing_never_disagree() -> None:
    anything = Situation()
    verdicts = [z3.If(anything.gets(verdict), 1, 0) for verdict in Verdict]
    assert counterexample(z3.Sum(verdicts) <= 1, anything) is None


def test_no_exclusion_wins_while_identifiable_health_data_are_there() -> None:
    real = Situation({"health_data": True})
    exclusions = [real.stands[rule.id] for rule in BOOK.rules if rule.group == "exclusion"]
    assert counterexample(z3.Not(z3.Or(exclusions)), real) is None


def test_identifiable_health_data_lead_to_a_yes_wherever_a_verdict_is_asked() -> None:
    real = Situation({"health_data": True, "request": "verdict"})
    assert counterexample(real.gets(Verdict.OUI), real) is None


@pytest.mark.parametrize("exclusion", EXCLUSIONS)
def test_an_exclusion_without_identifiable_health_data_leads_to_a_no(exclusion: str) -> None:
    excluded = Situation({"request": "verdict", exclusion: True})
    assert (
        counterexample(
            z3.Implies(z3.Not(excluded.has("health_data", True)), excluded.gets(Verdict.NON)), excluded
        )
        is None
    )


@pytest.mark.parametrize("verdict", DECIDED)
def test_learning_facts_turns_a_decided_verdict_only_by_a_named_override(verdict: Verdict) -> None:
    before, after = Situation(name="before"), Situation(name="after")
    learnt = z3.And([z3.Or(before.has(f, None), before.facts[f] == after.facts[f]) for f in VALUES])
    turned = z3.And(learnt, before.gets(verdict), z3.Not(after.gets(verdict)))
    named = z3.Or(
        [
            z3.And(before.stands[loser], after.stands[winner.id])
            for winner in BOOK.rules
            for loser in winner.overrides
            if BOOK.rule(loser).verdict is verdict is not winner.verdict
        ]
    )
    assert counterexample(z3.Implies(turned, named), before, after) is None


@pytest.mark.parametrize("fact", ONLY_CHOOSE_THE_QUOTE)
def test_encryption_pseudonymisation_trials_and_kinds_never_change_a_verdict(fact: str) -> None:
    unsaid = Situation({fact: None})
    for value in VALUES[fact]:
        said = Situation({fact: value})
        same = z3.And([unsaid.gets(verdict) == said.gets(verdict) for verdict in Verdict])
        assert counterexample(same, unsaid, said) is None


@pytest.mark.parametrize("doubt", VALUES["in_doubt"][1:])
def test_a_doubt_can_open_a_verdict_but_never_turn_it(doubt: str) -> None:
    sure, unsure = Situation({"in_doubt": None}), Situation({"in_doubt": doubt})
    same = z3.And([sure.gets(verdict) == unsure.gets(verdict) for verdict in Verdict])
    assert counterexample(z3.Or(same, unsure.gets(Verdict.A_PRECISER)), sure, unsure) is None


# -- what is missing ----------------------------------------------------------------------


@pytest.mark.parametrize("rule", ASKING, ids=lambda rule: rule.id)
def test_what_is_open_always_asks_a_fact_that_is_not_known(rule: Rule) -> None:
    """So answering ends, in a oui or a non: each answer makes one more fact known, and none the request."""
    anything = Situation()
    unknown = z3.Or([anything.has(fact, None) for fact in rule.asks])
    assert counterexample(z3.Implies(anything.decided_by(rule), unknown), anything) is None
    assert "request" not in rule.asks


@pytest.mark.parametrize("rule", ASKING, ids=lambda rule: rule.id)
def test_every_fact_asked_changes_what_comes_out(rule: Rule) -> None:
    for fact in rule.asks:
        now, yes, no = Situation({fact: None}), Situation({fact: True}), Situation({fact: False})
        alike = z3.Or([z3.And(yes.gets(verdict), no.gets(verdict)) for verdict in Verdict])
        assert counterexample(z3.Implies(now.decided_by(rule), z3.Not(alike)), now) is None


# -- the program itself -------------------------------------------------------------------


def situations() -> st.SearchStrategy[dict[str, FactValue]]:
    facts = {fact: st.sampled_from([None, *values]) for fact, values in VALUES.items()}
    return st.fixed_dictionaries({}, optional=facts)


@settings(max_examples=60, deadline=None)
@given(situations())
def test_the_formulas_say_what_the_program_does(facts: dict[str, FactValue]) -> None:
    formulas = Situation({fact: facts.get(fact) for fact in VALUES}).stands
    said = {rule_id for rule_id, formula in formulas.items() if z3.is_true(z3.simplify(formula))}
    assert said == {rule.id for rule in standing_rules(BOOK, facts)}


@settings(max_examples=200, deadline=None)
@given(situations(), st.randoms(use_true_random=False))
def test_answering_what_is_asked_ends_in_a_yes_or_a_no(facts: dict[str, FactValue], chance: Random) -> None:
    facts = {**facts, "request": "verdict"}
    while missing := judge(BOOK, facts).missing:
        told = chance.choice(missing)
        option = chance.choice(told.options)
        facts = {**facts, told.fact: option.value}
        assert judge(BOOK, facts).verdict is option.verdict
    assert judge(BOOK, facts).verdict in DECIDED


@settings(max_examples=200, deadline=None)
@given(situations())
def test_a_change_does_what_it_says_and_takes_along_only_what_it_needs(facts: dict[str, FactValue]) -> None:
    judgement = judge(BOOK, {**facts, "request": "verdict"})
    for change in judgement.changes:
        after = judge(BOOK, {**judgement.facts, **change.facts})
        assert after.verdict is change.verdict is not judgement.verdict
        assert after.quotes[0] == change.quote
        assert all(judgement.facts.get(fact) is not value for fact, value in change.facts.items())
        alone = {fact: value for fact, value in change.facts.items() if fact != "health_data"}
        if alone and alone != change.facts:
            assert verdict_on(BOOK, {**judgement.facts, **alone}) is not change.verdict


@settings(max_examples=200, deadline=None)
@given(situations())
def test_the_trace_agrees_with_the_verdict(facts: dict[str, FactValue]) -> None:
    judgement = judge(BOOK, facts)
    fired = [BOOK.rule(step.rule) for step in judgement.trace if step.outcome == "fired"]
    assert fired[0] is judgement.decided_by
    assert {rule.verdict for rule in fired} == {judgement.verdict}


# -- against the labelling rules, written out by hand ------------------------------------


def verdict_by_hand(facts: Facts) -> Verdict:
    """What decides, in order, as the guidance is labelled."""
    actor, health, doubt = facts.get("actor"), facts.get("health_data"), facts.get("in_doubt")
    if health is True:
        return Verdict.OUI
    if any(facts[exclusion] for exclusion in EXCLUSIONS):
        return Verdict.NON
    done = [
        facts.get(c) for c in {"practice": CONDITIONS, "provider": ("provider_access",)}.get(str(actor), ())
    ]
    if done and all(each is False for each in done):
        return Verdict.NON
    if doubt and facts[str(doubt)] is None and health is None:
        return Verdict.A_PRECISER
    if any(done):
        return Verdict.OUI
    if health is False:
        return Verdict.NON
    return Verdict.OUI if actor in {"establishment", "publisher"} else Verdict.A_PRECISER


@pytest.mark.parametrize("actor", VALUES["actor"])
def test_every_combination_of_deciding_facts_is_judged_as_by_hand(actor: str | None) -> None:
    own = {"practice": CONDITIONS, "provider": ("provider_access",)}.get(str(actor), ())
    read = ("health_data", *EXCLUSIONS, "in_doubt", *own)
    for values in product(*(VALUES[fact] for fact in read)):
        facts = dict(zip(read, values, strict=True), actor=actor)
        assert verdict_on(BOOK, facts) is verdict_by_hand(facts), facts


# -- the proofs can fail ------------------------------------------------------------------


def test_a_book_without_its_last_rule_has_a_hole_that_is_found() -> None:
    holed = replace(
        BOOK,
        precedence=tuple(rule for rule in BOOK.precedence if rule.id != "to-clarify"),
        rules=BOOK.rules[:-1],
    )
    anything = Situation(book=holed)
    found = counterexample(anything.gets(*Verdict), anything)
    assert found is not None
    with pytest.raises(RulesError, match="no rule covers"):
        judge(holed, found[0])


def test_a_book_whose_exclusions_are_not_overridden_is_found_out() -> None:
    blunt = tuple(
        replace(rule, overrides=frozenset()) if rule.group == "health-data" else rule
        for rule in BOOK.precedence
    )
    real = Situation({"health_data": True}, book=replace(BOOK, precedence=blunt))
    exclusions = [real.stands[rule.id] for rule in BOOK.rules if rule.group == "exclusion"]
    assert counterexample(z3.Not(z3.Or(exclusions)), real)
