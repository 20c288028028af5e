"""What surrounds a word: negation and its scope, exceptions, time, doubt, part. Cases: data/facts_context.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hds_bot.facts.context import Scene, Seen, read_turn
from hds_bot.facts.language import guess_language
from hds_bot.facts.lexicon import load_lexicon

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = tomllib.loads((HERE / "data" / "facts_context.toml").read_text("utf-8"))["case"]
TURNING = [
    "pas",
    "ne",
    "aucun",
    "sans",
    "ni",
    "sauf",
    "hormis",
    "mais",
    "avant",
    "plus",
    "que",
    "non",
    "rien",
]
TURNING += [",", ".", "?", ";", "(", ")", "ordonnances"]
MARKS = ("negated", "exceptional", "unsure", "past", "future", "elsewhere", "partial")


def read(text: str) -> Scene:
    return read_turn(0, text, load_lexicon(), guess_language([text]))


def seen_in(text: str, word: str) -> list[Seen]:
    """Mentions that touch the first occurrence of `word`."""
    scene, start = read(text), text.index(word)
    tokens = scene.tokens
    return [
        seen
        for seen in scene.seen
        if tokens[seen.mention.first].start < start + len(word) and tokens[seen.mention.last].end > start
    ]


def marks(seen: Seen) -> set[str]:
    return {mark for mark in MARKS if getattr(seen, mark)}


def as_parameters() -> list[Any]:
    return [
        pytest.param(
            case,
            id=f"{case['word']} in {case['text']}",
            marks=[pytest.mark.xfail(strict=True, reason=case["missed"])] if "missed" in case else [],
        )
        for case in CASES
    ]


@pytest.mark.parametrize("case", as_parameters())
def test_a_word_bears_the_marks_of_its_surroundings_and_no_others(case: dict[str, Any]) -> None:
    found = seen_in(case["text"], case["word"])
    assert found
    assert [marks(seen) for seen in found] == [set(case.get("marks", []))] * len(found)


def test_what_is_unsure_neither_holds_nor_is_denied() -> None:
    (seen,) = seen_in("Je ne sais pas si nous gardons des ordonnances.", "ordonnances")
    assert not seen.holds
    assert not seen.denied


def test_what_is_over_is_denied_and_what_is_to_come_holds_for_those_who_ask_about_it() -> None:
    (past,) = seen_in("Avant, nous gardions des ordonnances.", "ordonnances")
    (future,) = seen_in("L'an prochain, nous garderons des ordonnances.", "ordonnances")
    assert (past.holds, past.denied) == (False, True)
    assert (future.holds, future.denied) == (True, False)


@pytest.mark.parametrize(
    ("text", "asked"), [("Gardons-nous des ordonnances ?", True), ("Nous gardons des ordonnances.", False)]
)
def test_a_word_knows_whether_its_sentence_asks(text: str, asked: bool) -> None:
    (seen,) = seen_in(text, "ordonnances")
    assert seen.asked is asked


def test_a_tempting_word_hides_the_words_that_it_holds() -> None:
    families = {seen.family for seen in read("L'ordonnance du tribunal est en ligne.").seen}
    assert families & {"decoys", "health_data"} == {"decoys"}


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=50)
def test_any_text_can_be_read(text: str) -> None:
    scene = read(text)
    assert all(0 <= seen.mention.first <= seen.mention.last < len(scene.tokens) for seen in scene.seen)


@given(st.lists(st.sampled_from(TURNING), max_size=25))
@settings(deadline=None, max_examples=200)
def test_any_heap_of_turning_words_can_be_read(words: list[str]) -> None:
    """Each is met, by itself or inside an expression that spans it (« ne … plus »)."""
    scene = read(" ".join(words))
    spans = [*scene.cues, *(seen.mention for seen in scene.seen if seen.concept == "prescription")]
    met = {at for mention in spans for at in range(mention.first, mention.last + 1)}
    asked = [at for at, token in enumerate(scene.tokens) if token.text == "ordonnances"]
    assert [at for at in asked if at not in met] == []
    assert len(asked) == words.count("ordonnances")
