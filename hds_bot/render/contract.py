"""The answer as JSON, the same at every door: field names and their order are a contract."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hds_bot.types import Answer, CitedPassage, DecidingRule, Fact, Hit, MissingFact, Passage


def to_dict(answer: Answer) -> dict[str, Any]:
    """Give the answer as plain JSON values, in the contract's fields and order."""
    return {
        "question": answer.question,
        "turns": list(answer.turns),
        "language": answer.language,
        "verdict": answer.verdict.value,
        "summary": answer.summary,
        "rule": _rule(answer.rule) if answer.rule else None,
        "trace": [{**asdict(step), "facts": list(step.facts)} for step in answer.trace],
        "facts": [_fact(fact) for fact in answer.facts],
        "missing": [_missing(missing) for missing in answer.missing],
        "what_would_change": [
            {"fact": change.fact, "value": change.value, "verdict": change.verdict.value}
            for change in answer.what_would_change
        ],
        "cautions": [
            {"id": caution.id, "text": caution.text, "reference": caution.reference, "url": caution.url}
            for caution in answer.cautions
        ],
        "passages": [_cited(cited) for cited in answer.passages],
        "provenance": asdict(answer.provenance),
    }


def to_json(answer: Answer, *, indent: int | None = None) -> str:
    """`to_dict` as JSON text, accents kept; the same answer always gives the same bytes."""
    return json.dumps(to_dict(answer), ensure_ascii=False, indent=indent)


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """Give a search result as a cited passage without who cited it."""
    return {**passage_to_dict(hit.passage), "score": _score(hit.score), "rank": hit.rank}


def passage_to_dict(passage: Passage) -> dict[str, Any]:
    """Give a passage: its words and its place."""
    return {
        "id": passage.id,
        "document": passage.document,
        "title": passage.title,
        "section": list(passage.section),
        "text": passage.text,
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
    }


def _rule(rule: DecidingRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "document": rule.document,
        "section": " › ".join(rule.section),
        "quote": rule.quote,
    }


def _fact(fact: Fact) -> dict[str, Any]:
    evidence = asdict(fact.evidence) if fact.evidence else None
    return {"id": fact.id, "value": fact.value, "evidence": evidence, "method": fact.method}


def _missing(missing: MissingFact) -> dict[str, Any]:
    options = [
        {"label": option.label, "value": option.value, "verdict": option.verdict.value}
        for option in missing.options
    ]
    return {"fact": missing.fact, "question": missing.question, "options": options}


def _cited(cited: CitedPassage) -> dict[str, Any]:
    place = {"score": _score(cited.score), "rank": cited.rank, "cited_by": cited.cited_by}
    return {**passage_to_dict(cited.passage), **place}


def _score(score: float) -> float:
    # Beyond four digits it is the machine's arithmetic, not the passage's worth.
    return round(float(score), 4)
