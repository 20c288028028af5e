"""What the rules say of an answer's facts, to tell why each of them decided or not."""

from __future__ import annotations

from functools import lru_cache

from hds_bot import rules
from hds_bot.rules import Judgement
from hds_bot.types import Answer, FactValue, Verdict


def judged(answer: Answer) -> Judgement:
    """Give what the rules say of the answer's facts, with all their words."""
    outside = answer.verdict == Verdict.HORS_PERIMETRE
    return _judged(
        (("request", "other"),) if outside else tuple((fact.id, fact.value) for fact in answer.facts)
    )


@lru_cache(maxsize=256)
def _judged(facts: tuple[tuple[str, FactValue], ...]) -> Judgement:
    return rules.judge(rules.load_rules(), dict(facts))
