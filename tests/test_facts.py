"""From turns to facts: what is found, with which words, and what makes no difference.

Situations are data: data/facts_situations.toml.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hds_bot import HdsBot
from hds_bot.errors import RulesError
from hds_bot.facts import extract, fingerprint, semantic
from hds_bot.facts.actors import DETAIL, NOT_PRODUCTS
from hds_bot.facts.context import read_turn
from hds_bot.facts.health import PRODUCT_KIND
from hds_bot.facts.lexicon import Concept, load_lexicon
from hds_bot.facts.semantic import READER, load_reader
from hds_bot.facts.situation import Situation
from hds_bot.facts.tempering import (
    EXCLUSIONS,
    SURE_AGAINST_PROTECTION,
    Corroboration,
    Outcome,
    outcome_of,
    settle,
    temper,
)
from hds_bot.rules import judge, load_rules
from hds_bot.types import Evidence, Fact, FactValue, FloatArray

DATA = Path(__file__).parent / "data"
CASES: list[dict[str, Any]] = tomllib.loads((DATA / "facts_situations.toml").read_text("utf-8"))["case"]
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "eval" / "questions.jsonl").read_text("utf-8").splitlines()
]
SAMPLE = QUESTIONS[::9]


def values(turns: Sequence[str]) -> dict[str, FactValue]:
    return {fact.id: fact.value for fact in extract(turns).facts}


# -- situations ---------------------------------------------------------------------------


def as_parameters() -> list[Any]:
    return [
        pytest.param(
            case,
            id=case["name"],
            marks=[pytest.mark.xfail(strict=True, reason=case["missed"])] if "missed" in case else [],
        )
        for case in CASES
    ]


@pytest.mark.parametrize("case", as_parameters())
def test_a_situation_shows_its_facts_and_no_others(case: dict[str, Any]) -> None:
    found = values(case["turns"])
    assert {name: found.get(name) for name in case["facts"]} == case["facts"]
    assert [name for name in case.get("lacks", []) if found.get(name) not in (None, False)] == []


def test_evidence_is_an_exact_slice_of_its_turn() -> None:
    for question in QUESTIONS:
        turns = question["turns"]
        shown = [fact.evidence for fact in extract(turns).facts if fact.evidence]
        assert [turns[e.turn][e.start : e.end] for e in shown] == [e.text for e in shown]
        assert all(e.text.strip() for e in shown)


def test_every_fact_but_the_request_shows_its_words() -> None:
    found = [fact for question in QUESTIONS for fact in extract(question["turns"]).facts]
    assert {fact.id for fact in found if fact.evidence is None} <= {"request"}
    assert {fact.method for fact in found} == {"lexicon", "inherent"}


def test_evidence_points_at_the_turn_that_corrects() -> None:
    facts = extract(["Nous sommes un hôpital. HDS ?", "En fait, tout est complètement anonymisé."]).facts
    (exclusion,) = [fact for fact in facts if fact.id == "anonymised"]
    assert exclusion.evidence is not None
    assert (exclusion.evidence.turn, exclusion.evidence.text) == (1, "anonymisé")


def test_what_the_user_set_by_hand_wins_even_where_it_is_unknown() -> None:
    turns = ["Nous sommes un hôpital. HDS obligatoire ?"]
    facts = extract(turns, known={"actor": "practice", "establishment_kind": None, "anonymised": True}).facts
    by_hand = {fact.id: fact.value for fact in facts if fact.method == "user"}
    assert by_hand == {"actor": "practice", "establishment_kind": None, "anonymised": True}
    assert len({fact.id for fact in facts}) == len(facts)


def test_a_change_of_subject_leaves_the_earlier_turns_behind() -> None:
    reading = extract(
        ["Nous sommes un hôpital. HDS obligatoire ?", "Oubliez ça. Quel temps fait-il à Lyon ?"]
    )
    assert {fact.id: fact.value for fact in reading.facts} == {"request": "other"}
    assert reading.relevant == "Oubliez ça. Quel temps fait-il à Lyon ?"


def test_a_search_is_widened_with_the_guidance_s_own_words() -> None:
    assert "orthophoniste" in extract(["I am a speech therapist. Do I need HDS?"]).expansion


def test_the_fingerprint_is_a_sha_256() -> None:
    assert len(fingerprint()) == 64
    assert set(fingerprint()) <= set("0123456789abcdef")


# -- what makes no difference -------------------------------------------------------------


def without_accents(turn: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", turn) if not unicodedata.combining(sign))


def padded(turn: str) -> str:
    return f" \t {turn.replace(' ', '  ')}\n\n "


def typographic(turn: str) -> str:
    return turn.replace("'", "’").replace(" ?", "\u00a0?").replace(" ;", "\u202f;").replace(" :", "\u00a0:")


def plain(turn: str) -> str:
    return turn.replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ")


def polite(turn: str) -> str:
    french = extract([turn]).language == "fr"
    return f"Bonjour,\n{turn}\nMerci d'avance." if french else f"Hello,\n{turn}\nThanks in advance."


CHANGES = [without_accents, str.upper, padded, typographic, plain, polite]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_facts_stay_whatever_the_dress(change: Callable[[str], str]) -> None:
    before = {question["id"]: values(question["turns"]) for question in QUESTIONS}
    after = {question["id"]: values([change(turn) for turn in question["turns"]]) for question in QUESTIONS}
    assert after == before


@pytest.fixture(scope="module")
def answered(bot: HdsBot) -> dict[str, str]:
    """Question to the verdict that words and meaning come to."""
    return {question["id"]: bot.ask(question["turns"]).verdict for question in SAMPLE}


@pytest.mark.parametrize("change", [padded, typographic, plain], ids=lambda change: change.__name__)
def test_the_verdict_stays_with_the_real_encoder_too(
    bot: HdsBot, answered: dict[str, str], change: Callable[[str], str]
) -> None:
    changed = {q["id"]: bot.ask([change(turn) for turn in q["turns"]]).verdict for q in SAMPLE}
    assert changed == answered


# -- what meaning may change --------------------------------------------------------------


ODDS = st.tuples(*[st.floats(0.001, 1)] * 3).map(
    lambda parts: {
        name: part / sum(parts) for name, part in zip(("oui", "non", "a_preciser"), parts, strict=True)
    }
)
WORDED = Fact("excluded", True, Evidence(0, 0, 1, "x"))


@given(ODDS, st.sampled_from(["oui", "a_preciser"]), st.booleans(), st.booleans(), st.booleans())
def test_what_no_exclusion_survives_gives_way_to_hardly_any_meaning(
    odds: dict[str, float], shown: Outcome, worded: bool, silent: bool, brief: bool
) -> None:
    words = Corroboration(WORDED if worded else None, silent, protected=True, brief=brief)
    told = (worded or silent) and odds["non"] >= SURE_AGAINST_PROTECTION
    assert told or settle(shown, odds, words) != "non"


@pytest.mark.parametrize(
    ("turn", "protected"),
    [
        ("We have no access to patient data except when restoring backups.", True),
        ("Nous n'avons pas accès aux dossiers médicaux, on ne fait que les sauvegarder.", True),
        ("We have no access to patient data. Only our lawyer reads this.", False),
        ("Nous n'avons pas accès aux dossiers médicaux.", False),
    ],
)
def test_what_is_left_of_a_denial_stands_against_it(turn: str, protected: bool) -> None:
    assert Situation((read_turn(0, turn, load_lexicon()),)).corroboration().protected is protected


@given(ODDS, ODDS, st.sampled_from(["oui", "non", "a_preciser"]), st.booleans(), st.booleans(), st.booleans())
def test_the_surer_meaning_is_of_no_the_likelier_the_no(
    less: dict[str, float],
    more: dict[str, float],
    shown: Outcome,
    worded: bool,
    silent: bool,
    protected: bool,
) -> None:
    words = Corroboration(WORDED if worded else None, silent, protected=protected)
    if less["non"] <= more["non"] and settle(shown, less, words) == "non":
        assert settle(shown, more, words) == "non"


@given(ODDS, st.sampled_from(["oui", "a_preciser"]), st.booleans())
def test_no_meaning_excludes_what_no_word_excludes_where_health_data_are_spoken_of(
    odds: dict[str, float], shown: Outcome, brief: bool
) -> None:
    unworded = Corroboration(None, silent=False, protected=False, brief=brief)
    assert settle(shown, odds, unworded) != "non"


@given(ODDS, st.sampled_from(["oui", "a_preciser"]), st.booleans(), st.booleans())
def test_words_that_only_deny_limit_or_correct_take_a_meaning_that_is_hardly_in_doubt(
    odds: dict[str, float], shown: Outcome, brief: bool, protected: bool
) -> None:
    words = Corroboration(None, silent=False, protected=protected, brief=brief, limited=WORDED)
    assert odds["non"] >= SURE_AGAINST_PROTECTION or settle(shown, odds, words) != "non"


@pytest.mark.parametrize(
    ("turns", "shown"),
    [
        (["Scuba shop. The medical certificates? Shown to the federation, never to us. HDS?"], "never"),
        (["Notre appli suit l'asthme, HDS ?", "oups, j'ai confondu avec celle des voisins"], "j'ai confondu"),
        (["L'ECG du pilote n'est pas enregistré, le casque garde la vitesse"], "pas"),
        (["Les dossiers médicaux de nos patients sont en ligne"], None),
    ],
)
def test_what_denies_limits_or_corrects_is_found_with_its_words(turns: list[str], shown: str | None) -> None:
    scenes = [read_turn(number, turn, load_lexicon()) for number, turn in enumerate(turns)]
    limited = Situation(tuple(scenes)).corroboration().limited
    assert (limited.evidence.text if limited and limited.evidence else None) == shown


@given(ODDS, st.sampled_from(["oui", "non", "a_preciser"]), st.booleans(), st.booleans())
def test_where_words_and_meaning_agree_beyond_doubt_nothing_changes(
    odds: dict[str, float], shown: Outcome, worded: bool, silent: bool
) -> None:
    sure = {name: 0.98 if name == shown else 0.01 for name in odds}
    assert settle(shown, sure, Corroboration(WORDED if worded else None, silent, protected=False)) == shown


SHIPPED = load_reader()
REASONS = [reason for reason in SHIPPED.reasons if ":" in reason] if SHIPPED else []
BOOK = load_rules()
FACTS = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(list(spec.labels)) for name, spec in BOOK.facts.items()}
)


@settings(max_examples=1000)
@given(FACTS, st.sampled_from(REASONS))
def test_what_meaning_turns_the_rules_turn_too(facts: dict[str, FactValue], reason: str) -> None:
    """Whatever the words showed: the facts that meaning puts in their place lead the rules where it says."""
    settled = reason.partition(":")[0]
    shown = {**facts, "request": "verdict"}
    sure = {name: 0.99 if name == settled else 0.005 for name in ("oui", "non", "a_preciser")}
    found = [Fact(name, value) for name, value in shown.items()]
    turned = temper(found, sure, {reason: 1.0}, Corroboration(WORDED, silent=True, protected=False))
    if turned != found:
        values = {fact.id: fact.value for fact in turned}
        assert outcome_of(values) == settled
        assert judge(BOOK, values).verdict == settled


def test_the_rules_know_every_value_that_words_can_give() -> None:
    of_family = {
        "provider": "providers",
        "establishment": "establishments",
        "publisher": "health_products",
        "organisation": "organisations",
    }
    given = {(DETAIL[actor], c.kind) for actor, family in of_family.items() for c in concepts(family)}
    given -= {("product", kind) for kind in NOT_PRODUCTS} | {("organisation_kind", "startup")}
    given |= {("health_data_kind", c.kind) for c in concepts("health_data") if c.kind != "person"}
    given |= {("health_data_kind", kind) for kind in PRODUCT_KIND.values()}
    given |= {("in_doubt", exclusion) for exclusion in EXCLUSIONS}
    assert [pair for pair in sorted(given) if pair[1] not in BOOK.facts[pair[0]].labels] == []


def concepts(family: str) -> list[Concept]:
    return [concept for concept in load_lexicon().concepts.values() if concept.family == family]


def unread(texts: Sequence[str]) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """What an encoder without meaning gives."""
    return np.ones((len(texts), 4), np.float32), tuple(np.ones((3, 8), np.float32) for _ in texts)


def test_with_another_encoder_than_the_reader_was_trained_for_words_alone_decide() -> None:
    for question in SAMPLE:
        reading = extract(question["turns"], read=unread, encoder="another@1")
        assert reading.facts == extract(question["turns"]).facts
        assert reading.vector is not None


def test_a_reader_that_cant_be_read_is_refused_and_a_missing_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semantic, "files", lambda _: tmp_path)
    assert load_reader.__wrapped__() is None
    whole = (Path(semantic.__file__).parent / READER).read_bytes()
    for damaged in (b"", b"PK", b"text", whole[:5000]):
        (tmp_path / READER).write_bytes(damaged)
        with pytest.raises(RulesError, match="reader can't be read"):
            load_reader.__wrapped__()


# -- any text -----------------------------------------------------------------------------


@given(st.lists(st.text(max_size=200), min_size=1, max_size=3))
@settings(deadline=None, max_examples=100)
def test_any_conversation_is_read_without_an_error(turns: list[str]) -> None:
    for fact in extract(turns).facts:
        if fact.evidence:
            shown = turns[fact.evidence.turn][fact.evidence.start : fact.evidence.end]
            assert shown == fact.evidence.text


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_any_cut_of_a_question_is_read_without_an_error(data: st.DataObject) -> None:
    turn = data.draw(st.sampled_from(QUESTIONS))["turns"][-1]
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(turn)), st.integers(0, len(turn)))))
    extract([turn[start:end]])


def test_signs_alone_are_read_without_an_error() -> None:
    for turn in (
        "",
        " ",
        "?",
        "\x00",
        "…",
        "''",
        "\ud800",
        "🩺" * 50,
        "a" * 10_000,
        "ne " * 500,
        "?\n" * 300,
    ):
        assert extract([turn]).facts[0].id == "request"


# -- documentation ------------------------------------------------------------------------


def test_the_documented_example_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "understanding.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL)
    assert found
    exec(found[1], {})  # noqa: S102
    assert capsys.readouterr().out == found[2]
