"""The labelled questions as cases: none is answered unsafely, and each answer keeps to the contract."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from test_render import schema

from hds_bot import HdsBot, Verdict
from hds_bot.interfaces.evaluation import Labelled, read_labelled
from hds_bot.render import to_record

QUESTIONS = read_labelled(Path(__file__).parent / "data" / "eval" / "questions.jsonl")
DUE = (Verdict.OUI, Verdict.A_PRECISER)


@pytest.mark.parametrize("labelled", QUESTIONS, ids=lambda labelled: labelled.id)
def test_a_labelled_question_is_answered_safely_and_by_the_contract(bot: HdsBot, labelled: Labelled) -> None:
    answer = bot.ask(labelled.turns)
    jsonschema.validate(to_record(answer), schema())
    assert not (answer.verdict == Verdict.NON and labelled.verdict in DUE)
    assert (answer.verdict == Verdict.HORS_PERIMETRE) == (not answer.passages)
    assert (answer.verdict == Verdict.A_PRECISER) == bool(answer.missing)
    assert (answer.rule is not None) == (answer.verdict in (*DUE, Verdict.NON))
    assert not answer.to_review
