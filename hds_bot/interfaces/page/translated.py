"""An answer in the language that the reader chose, where the question was in the other."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from hds_bot import rules
from hds_bot.bot.answering import counterfactual, missing_fact
from hds_bot.rules import Judgement
from hds_bot.types import Answer, Caution, FactValue, Language, Verdict


def in_language(answer: Answer, language: Language) -> Answer:
    """Give the answer with every word of the rules in a language; quotes and evidence stay as they are."""
    if answer.language == language:
        return answer
    book = rules.load_rules()
    judgement = judged(answer)
    before, after = (rules.summary(book, judgement, spoken) for spoken in (answer.language, language))
    return replace(
        answer,
        language=language,
        summary=answer.summary.replace(before, after),
        rule=replace(answer.rule, title=judgement.decided_by.title[language]) if answer.rule else None,
        missing=tuple(missing_fact(book, missing, language) for missing in judgement.missing),
        what_would_change=tuple(counterfactual(book, change, language) for change in judgement.changes),
        cautions=_cautions(answer, language),
    )


def judged(answer: Answer) -> Judgement:
    """Give what the rules say of the answer's facts, with all their words."""
    outside = answer.verdict == Verdict.HORS_PERIMETRE
    return _judged(
        (("request", "other"),) if outside else tuple((fact.id, fact.value) for fact in answer.facts)
    )


@lru_cache(maxsize=256)
def _judged(facts: tuple[tuple[str, FactValue], ...]) -> Judgement:
    return rules.judge(rules.load_rules(), dict(facts))


def _cautions(answer: Answer, language: Language) -> tuple[Caution, ...]:
    texts = {spec.id: spec.text[language] for spec in rules.load_rules().cautions}
    return tuple(replace(caution, text=texts[caution.id]) for caution in answer.cautions)
