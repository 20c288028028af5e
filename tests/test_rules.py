"""The rules: verdicts on situations, what is missing, what would change, the words, the strict loading."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from hds_bot.corpus import find_quote, read_corpus
from hds_bot.errors import InputError, RulesError
from hds_bot.rules import (
    check,
    describe_change,
    describe_step,
    judge,
    label,
    load_rules,
    question,
    read_rules,
    select_cautions,
    summary,
)
from hds_bot.rules.logic import Terms, parse
from hds_bot.types import FactValue, Language, Verdict

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = tomllib.loads((HERE / "data" / "rules_cases.toml").read_text("utf-8"))["case"]
FAULTS: list[dict[str, str]] = tomllib.loads((HERE / "data" / "rules_faults.toml").read_text("utf-8"))[
    "fault"
]
LANGUAGES: tuple[Language, ...] = get_args(Language)
BOOK = load_rules()
HOSPITAL: dict[str, FactValue] = {"actor": "establishment", "establishment_kind": "hospital"}


def changed(facts: dict[str, FactValue]) -> dict[tuple[tuple[str, FactValue], ...], str]:
    return {tuple(c.facts.items()): str(c.verdict) for c in judge(BOOK, facts).changes}


# -- verdicts -----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_situation_gets_its_verdict_its_rule_its_quotes_and_its_questions(case: dict[str, Any]) -> None:
    judgement = judge(BOOK, case["facts"])
    assert (judgement.verdict, judgement.decided_by.id) == (case["verdict"], case["rule"])
    assert set(case.get("cites", [])) <= set(judgement.quotes[:3])
    assert [missing.fact for missing in judgement.missing] == case.get("asks", [])


def test_every_rule_can_decide_or_is_a_line_that_supports() -> None:
    supporting = {rule.id for rule in BOOK.rules if rule.line}
    deciding = {judge(BOOK, _situation_of(rule.id)).decided_by.id for rule in BOOK.rules}
    fired = {step.rule for rule in BOOK.rules for step in _fired(_situation_of(rule.id))}
    assert fired == {rule.id for rule in BOOK.rules}
    assert {rule.id for rule in BOOK.rules} - deciding <= supporting | {"publisher-health-data"}


def _situation_of(rule_id: str) -> dict[str, FactValue]:
    """The barest facts that meet a rule, its first clause's."""
    clause = BOOK.rule(rule_id).when.clauses[0]
    return {atom.fact: min(atom.accepted, key=str) for atom in clause if None not in atom.accepted}


def _fired(facts: dict[str, FactValue]) -> list[Any]:
    return [step for step in judge(BOOK, facts).trace if step.outcome == "fired"]


def test_no_rule_is_named_where_no_verdict_is_given() -> None:
    for request in ("other", "information"):
        judgement = judge(BOOK, {"request": request, **HOSPITAL})
        assert (judgement.rule, judgement.quotes, judgement.missing, judgement.changes) == (None, (), (), ())


def test_the_deciding_quote_comes_first_and_none_twice() -> None:
    judgement = judge(
        BOOK, {**HOSPITAL, "health_data": True, "health_data_kind": "imaging", "encrypted": True}
    )
    assert judgement.rule is not None
    assert judgement.quotes[0] == judgement.rule.quote
    assert len(set(judgement.quotes)) == len(judgement.quotes) > 4


def test_a_fact_left_out_is_a_fact_unknown() -> None:
    spelled_out = judge(BOOK, {**dict.fromkeys(BOOK.facts), **HOSPITAL})
    assert (spelled_out.verdict, spelled_out.trace) == (
        judge(BOOK, HOSPITAL).verdict,
        judge(BOOK, HOSPITAL).trace,
    )


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"actr": "practice"}, "no fact “actr”"),
        ({"actor": "dragon"}, "'dragon' is no value"),
        ({"health_data": "yes"}, "'yes' is no value"),
        ({"health_data": 1}, "1 is no value"),
        ({"actor": True}, "True is no value"),
        ({"actor": ["practice"]}, "is no value"),
    ],
)
def test_a_fact_outside_the_vocabulary_is_refused(facts: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        judge(BOOK, facts)


@pytest.mark.parametrize(
    ("written", "facts", "truth", "because"),
    [
        (["encrypted is yes", "simulated is yes"], {"encrypted": True}, None, ("simulated",)),
        (["encrypted is yes", "simulated is yes"], {"encrypted": False}, False, ("encrypted",)),
        ([{"any": ["encrypted is yes", "simulated is yes"]}], {"encrypted": True}, True, ("encrypted",)),
        ([{"any": ["encrypted is yes", "simulated is yes"]}], {"encrypted": False}, None, ("simulated",)),
        (["encrypted is not yes"], {}, None, ("encrypted",)),
        (["encrypted is not yes"], {"encrypted": False}, True, ("encrypted",)),
        (["encrypted is no or unknown"], {}, True, ("encrypted",)),
        (["encrypted is unknown"], {"encrypted": True}, False, ("encrypted",)),
        (["in_doubt is not simulated"], {"in_doubt": "statistical"}, True, ("in_doubt",)),
    ],
)
def test_a_condition_is_true_false_or_unknown(
    written: list[Any], facts: dict[str, FactValue], truth: bool | None, because: tuple[str, ...]
) -> None:
    terms = Terms({fact: spec.values for fact, spec in BOOK.facts.items()})
    condition = parse(written, terms, where="here")
    assert condition.explain(facts) == (truth, because)
    assert condition.holds(facts) is (truth is True)


# -- missing facts and changes ------------------------------------------------------------


def test_a_missing_fact_says_which_answer_leads_to_which_verdict() -> None:
    (access,) = judge(BOOK, {"actor": "provider"}).missing
    assert [(o.value, o.verdict) for o in access.options] == [(True, Verdict.OUI), (False, Verdict.NON)]


def test_an_answer_that_settles_nothing_yet_says_so() -> None:
    first = judge(BOOK, {"actor": "practice"}).missing[0]
    assert [(o.value, o.verdict) for o in first.options] == [(True, Verdict.OUI), (False, Verdict.A_PRECISER)]


def test_what_is_decided_asks_nothing_and_what_is_open_has_no_changes() -> None:
    assert not judge(BOOK, HOSPITAL).missing
    assert not judge(BOOK, {"actor": "startup"}).changes


def test_one_fact_is_changed_where_one_is_enough() -> None:
    assert changed(HOSPITAL)[(("anonymised", True),)] == "non"


def test_anonymised_data_are_no_identifiable_health_data_any_more() -> None:
    told = changed({"actor": "startup", "health_data": True})
    assert told[(("anonymised", True), ("health_data", False))] == "non"


def test_a_practice_is_told_of_its_four_conditions_at_once() -> None:
    assert any(len(facts) == 4 for facts in changed({"actor": "practice", "stores_records": True}))


def test_a_provider_is_told_of_its_access_first() -> None:
    first = judge(BOOK, {"actor": "provider", "provider_access": True}).changes[0]
    assert dict(first.facts) == {"provider_access": False}


def test_excluded_data_are_told_of_real_data_beside_them() -> None:
    assert changed({"anonymised": True}) == {(("health_data", True),): "oui"}


def test_nobody_is_told_to_be_somebody_else() -> None:
    identities = {
        fact for fact in BOOK.facts if fact in {"actor", "request", "product"} or fact.endswith("_kind")
    }
    assert not identities & {fact for spec in BOOK.possible_changes for fact in (*spec.values, *spec.implies)}


def test_at_most_four_changes_are_told() -> None:
    facts: dict[str, FactValue] = {"actor": "provider", "provider_access": True, "test_environment": True}
    assert len(judge(BOOK, facts).changes) == 4


# -- trace --------------------------------------------------------------------------------


def test_the_trace_has_every_rule_in_order_with_the_facts_that_settled_it() -> None:
    trace = judge(BOOK, {**HOSPITAL, "anonymised": True}).trace
    assert [step.rule for step in trace] == [rule.id for rule in BOOK.rules]
    by_rule = {step.rule: (step.outcome, step.facts) for step in trace}
    assert by_rule["anonymised"] == ("fired", ("anonymised",))
    assert by_rule["establishment-hospital"] == ("overridden", ("actor", "establishment_kind"))
    assert by_rule["establishment-clinic"] == ("not_met", ("establishment_kind",))
    assert by_rule["health-data"] == ("unknown", ("health_data",))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            "anonymised",
            "« Données complètement anonymisées » s’applique : des données complètement anonymisées.",
        ),
        ("establishment", "mais « Données complètement anonymisées » l’emporte."),
        ("publisher", "« Éditeur ou exploitant d’un produit de santé » ne s’applique pas"),
        ("no-health-data", "reste ouvert : les données de santé identifiables : non précisé."),
    ],
)
def test_a_step_of_the_trace_reads_as_a_sentence(rule: str, says: str) -> None:
    judgement = judge(BOOK, {**HOSPITAL, "anonymised": True})
    step = next(step for step in judgement.trace if step.rule == rule)
    assert says in describe_step(BOOK, judgement, step, "fr")


# -- words --------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_has_its_words_in_both_languages(language: Language) -> None:
    for fact, spec in BOOK.facts.items():
        assert question(BOOK, fact, language).endswith(("?", ")"))
        assert all(label(BOOK, fact, value, language) for value in (*spec.labels, None))


@pytest.mark.parametrize(("language", "yes", "no"), [("fr", "Oui", "Non"), ("en", "Yes", "No")])
def test_a_summary_opens_with_its_verdict(language: Language, yes: str, no: str) -> None:
    opening = {Verdict.OUI: yes, Verdict.NON: no}
    for rule in BOOK.rules:
        text = rule.summary[language]
        assert text.startswith(opening.get(rule.verdict, ""))
        assert "{" not in text


def test_the_summary_names_the_kind_that_was_said() -> None:
    assert "concerne directement une clinique" in summary(
        BOOK, judge(BOOK, {"actor": "establishment", "establishment_kind": "clinic"}), "fr"
    )
    facts: dict[str, FactValue] = {"actor": "startup", "health_data": True, "health_data_kind": "biometric"}
    assert "biometric data" in summary(BOOK, judge(BOOK, facts), "en")


def test_a_change_reads_as_a_sentence() -> None:
    change = judge(BOOK, {"health_data": True}).changes[0]
    assert (
        describe_change(BOOK, change, "fr")
        == "Si les données étaient complètement anonymisées, la réponse serait non."
    )
    assert (
        describe_change(BOOK, change, "en")
        == "If the data were completely anonymised, the answer would be no."
    )


# -- quotes -------------------------------------------------------------------------------


def finder() -> Callable[[str, str], tuple[int, int] | None]:
    texts = {doc.id: doc.text for doc in read_corpus(HERE.parent / "corpus").documents}
    return lambda document, quote: find_quote(texts[document], quote) if document in texts else None


def test_every_quote_is_in_the_guidance_word_for_word() -> None:
    assert check(BOOK, finder()) == ()


def test_every_quote_is_in_the_guidance_once() -> None:
    text = guidance()
    assert [quote for quote in quotes() if text.count(quote) != 1] == []


def test_every_quote_is_a_whole_sentence_or_a_whole_line_of_a_list() -> None:
    """Of a part of a sentence, the rest could come to say the contrary while the part still stands."""
    text, edge = guidance(), re.compile(r"\n(• )?|(?<=[.!?…])\s")
    begins, ends = {0}, {len(text)}
    for found in edge.finditer(text):
        begins.add(found.end())
        ends.add(found.start())
    starts = {quote: text.index(quote) for quote in quotes()}
    assert [q for q, at in starts.items() if at not in begins or at + len(q) not in ends] == []


def guidance() -> str:
    (document,) = {rule.document for rule in BOOK.rules}
    (text,) = (doc.text for doc in read_corpus(HERE.parent / "corpus").documents if doc.id == document)
    return text


def quotes() -> set[str]:
    return {quote for rule in BOOK.rules for quote in (rule.quote, *rule.also) if quote}


def test_a_lost_quote_is_told_with_its_rule_and_document() -> None:
    find = finder()
    lost = check(BOOK, lambda document, quote: None if quote == "Cliniques" else find(document, quote))
    assert [(each.rule, each.quote) for each in lost] == [("establishment-clinic", "Cliniques")]
    assert lost[0].document == "qui-doit-utiliser-un-hebergeur-hds"


# -- cautions -----------------------------------------------------------------------------


def caution_ids(verdict: Verdict = Verdict.OUI, **facts: FactValue) -> list[str]:
    return [caution.id for caution in select_cautions(facts, verdict)]


def test_what_bears_on_the_situation_comes_first() -> None:
    assert caution_ids(actor="organisation", organisation_kind="mutual")[0] == "insurers"
    assert caution_ids(actor="provider", provider_kind="processing")[:2] == [
        "short-processing",
        "six-activities",
    ]
    assert caution_ids(encrypted=True, actor="practice")[:2] == ["encryption", "third-party"]
    assert "sanction" in caution_ids()


def test_seven_kinds_of_situation_get_seven_lists() -> None:
    situations: list[dict[str, FactValue]] = [
        HOSPITAL,
        {"actor": "practice"},
        {"actor": "publisher"},
        {"actor": "startup", "health_data_kind": "biometric"},
        {"actor": "organisation", "organisation_kind": "hr"},
        {"actor": "provider", "provider_kind": "hosting"},
        {"health_data": True},
    ]
    assert len({tuple(caution_ids(Verdict.OUI, **facts)[:3]) for facts in situations}) == len(situations)


def test_an_exclusion_gets_only_the_cautions_on_excluded_data() -> None:
    assert caution_ids(Verdict.NON, anonymised=True) == ["pseudonymised"]
    assert caution_ids(Verdict.NON, simulated=True) == ["test-data"]
    assert caution_ids(Verdict.HORS_PERIMETRE) == []


def test_a_caution_has_its_words_reference_address_standing_and_date() -> None:
    for caution in BOOK.cautions:
        assert all(caution.text[language] for language in LANGUAGES)
        assert caution.reference
        assert caution.url.startswith("https://")
        assert caution.checked == "2026-11-23"
        assert caution.standing in {"official", "reported", "unsettled"}


# -- loading ------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(str(files("hds_bot.rules") / "data"), folder)
    return folder


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_hash_follows_the_data(data: Path) -> None:
    assert read_rules(data).sha256 == BOOK.sha256
    edit(data, "rules.toml", "Un autre sujet", "Tout autre sujet")
    assert read_rules(data).sha256 != BOOK.sha256


def test_a_copied_rule_book_judges_alike(data: Path) -> None:
    assert judge(read_rules(data), HOSPITAL).decided_by == judge(BOOK, HOSPITAL).decided_by


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["says"] for fault in FAULTS])
def test_a_rule_book_with_a_fault_is_refused(data: Path, fault: dict[str, str]) -> None:
    edit(data, fault["file"], fault["old"], fault["new"])
    with pytest.raises(RulesError) as refusal:
        read_rules(data)
    assert fault["says"] in refusal.value.what
    assert refusal.value.where.startswith(fault.get("where", fault["file"]))
    assert refusal.value.next_step


def test_a_missing_file_is_refused(data: Path) -> None:
    (data / "cautions.toml").unlink()
    with pytest.raises(RulesError, match=r"cautions\.toml: can't be read"):
        read_rules(data)


def test_a_named_exception_between_two_rules_is_enough_to_order_them(data: Path) -> None:
    edit(data, "rules.toml", 'denied = ["doubt", "open"]', 'denied = ["doubt"]')
    with pytest.raises(RulesError, match=r"“practice-none-of-four” .* “practice-to-clarify”"):
        read_rules(data)
    for rule, other in (("practice-none-of-four", "practice"), ("provider-without-access", "provider")):
        edit(data, "rules.toml", f'id = "{rule}"', f'id = "{rule}"\noverrides = ["{other}-to-clarify"]')
    denied = dict.fromkeys(("stores_records", "uses_software", "exchanges_data", "teleconsults"), False)
    assert judge(read_rules(data), {"actor": "practice", **denied}).verdict is Verdict.NON
