"""Turns to an answer: facts, verdict, passages, each room asked once and in order."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from itertools import zip_longest
from typing import Any

from hds_bot import rules
from hds_bot.bot.question import is_understood
from hds_bot.bot.snapshot import Place, Snapshot
from hds_bot.facts import Reading, anchor
from hds_bot.rules import Change, Judgement, MissingSpec, Rule, RuleBook
from hds_bot.types import (
    Answer,
    Caution,
    CitedBy,
    CitedPassage,
    Counterfactual,
    DecidingRule,
    FactValue,
    Hit,
    Language,
    MissingFact,
    Option,
    Verdict,
)

CITED = 5
"""Passages of an answer."""
_OTHER_TOPIC: Mapping[str, FactValue] = {"request": "other"}


def answer(
    snapshot: Snapshot,
    turns: tuple[str, ...],
    known: Mapping[str, FactValue],
    *,
    reading: Reading | None = None,
    language: Language | None = None,
) -> Answer:
    """Answer the last turn of a conversation that was cleaned; `reading` where it was read already.

    The answer is worded in `language`, else in that of the turn.
    """
    if not is_understood(turns[-1]):
        nothing = Reading(language or "fr", (), (), "")
        refused = _compose(snapshot, turns, nothing, rules.judge(snapshot.book, _OTHER_TOPIC), ())
        return replace(refused, summary=_words()["other_language"])
    reading = reading or snapshot.read(turns, known)
    reading = replace(reading, language=language or reading.language)
    judgement = rules.judge(snapshot.book, {fact.id: fact.value for fact in reading.facts})
    hits = search(snapshot, reading, CITED) if judgement.verdict != Verdict.HORS_PERIMETRE else ()
    if judgement.verdict == Verdict.SANS_VERDICT and not (hits or reading.topics):
        judgement = rules.judge(snapshot.book, _OTHER_TOPIC)
    return _compose(snapshot, turns, reading, judgement, hits)


def search(
    snapshot: Snapshot,
    reading: Reading,
    k: int,
    *,
    documents: Collection[str] | None = None,
    tags: Collection[str] | None = None,
) -> tuple[Hit, ...]:
    """Search with all that was read; parts of the guidance count where it is what is asked about."""
    other = any(fact.id == "request" and fact.value == "other" for fact in reading.facts)
    return snapshot.retriever.search(
        reading.relevant,
        k,
        documents=documents,
        tags=tags,
        expand=reading.expansion,
        vector=reading.vector,
        likely=[] if other else [place.passage for place in _subjects(snapshot, reading)],
    )


def _compose(
    snapshot: Snapshot, turns: tuple[str, ...], reading: Reading, judgement: Judgement, hits: Sequence[Hit]
) -> Answer:
    book, language, rule = snapshot.book, reading.language, judgement.rule
    place = snapshot.place(rule.document, rule.quote) if rule else None
    to_review = rule is not None and place is None
    notice = f"{_words()['to_review'][language]} " if to_review else ""
    return Answer(
        turns=turns,
        language=language,
        verdict=judgement.verdict,
        summary=notice + rules.summary(book, judgement, language),
        rule=_deciding(rule, place, language) if rule else None,
        trace=judgement.trace,
        facts=reading.facts,
        missing=tuple(missing_fact(book, missing, language) for missing in judgement.missing),
        what_would_change=tuple(counterfactual(book, change, language) for change in judgement.changes),
        cautions=_cautions(reading, judgement),
        passages=_cite(snapshot, reading, judgement, hits),
        provenance=snapshot.provenance,
        to_review=to_review,
    )


# -- citations ----------------------------------------------------------------------------


def _cite(
    snapshot: Snapshot, reading: Reading, judgement: Judgement, hits: Sequence[Hit]
) -> tuple[CitedPassage, ...]:
    """Cite the deciding rule's words first, then in turn what the question is about and what else supports it.

    A refusal cites nothing. The last places go to what retrieval found.
    """
    if judgement.verdict == Verdict.HORS_PERIMETRE:
        return ()
    cited: dict[str, CitedPassage] = {}
    scores = {hit.passage.id: hit.score for hit in hits}
    for place, by in _in_turn(_places(snapshot, judgement), _subjects(snapshot, reading)):
        score = 1.0 if by == "rule" else scores.get(place.passage.id, 0.0)
        quote = place.quote if by == "rule" else ""
        cited.setdefault(place.passage.id, CitedPassage(place.passage, score, len(cited) + 1, by, quote))
    for hit in hits:
        cited.setdefault(hit.passage.id, CitedPassage(hit.passage, hit.score, len(cited) + 1, "retrieval"))
    return tuple(cited.values())[:CITED]


def _in_turn(rules: Iterable[Place], subjects: Iterable[Place]) -> Iterator[tuple[Place, CitedBy]]:
    """Begin with the deciding rule's own words and two things that the question is about; then take turns."""
    stated, about = list(rules), list(subjects)
    for rule, subject in zip_longest([*stated[:1], None, *stated[1:]], about):
        if rule:
            yield rule, "rule"
        if subject:
            yield subject, "retrieval"


def _subjects(snapshot: Snapshot, reading: Reading) -> Iterator[Place]:
    """Passages of what the question is about, the likeliest first."""
    for topic in reading.topics:
        if place := snapshot.place(*anchor(topic)):
            yield place


def _places(snapshot: Snapshot, judgement: Judgement) -> Iterator[Place]:
    if judgement.rule is None:
        return
    for quote in judgement.quotes:
        if place := snapshot.place(judgement.rule.document, quote):
            yield place


# -- words --------------------------------------------------------------------------------


def _deciding(rule: Rule, place: Place | None, language: Language) -> DecidingRule:
    section = place.passage.section if place else ()
    return DecidingRule(rule.id, rule.title[language], rule.document, section, rule.quote)


def missing_fact(book: RuleBook, missing: MissingSpec, language: Language) -> MissingFact:
    """What is left to ask, worded in a language."""
    options = (
        Option(rules.label(book, missing.fact, option.value, language), option.value, option.verdict)
        for option in missing.options
    )
    return MissingFact(missing.fact, rules.question(book, missing.fact, language), tuple(options))


def counterfactual(book: RuleBook, change: Change, language: Language) -> Counterfactual:
    """What would turn the verdict, worded in a language."""
    # Facts that only change together share one value.
    value = next(iter(change.facts.values()))
    text = rules.describe_change(book, change, language)
    return Counterfactual("+".join(change.facts), value, change.verdict, change.quote, text)


def _cautions(reading: Reading, judgement: Judgement) -> tuple[Caution, ...]:
    known = {fact.id: fact.value for fact in reading.facts}
    return tuple(
        Caution(
            id=caution.id,
            text=caution.text[reading.language],
            reference=caution.reference,
            url=caution.url,
            standing=caution.standing,
            checked=caution.checked,
        )
        for caution in rules.select_cautions(known, judgement.verdict)
    )


@cache
def _words() -> Mapping[str, Any]:
    return tomllib.loads((resources.files(__package__) / "words.toml").read_text("utf-8"))
