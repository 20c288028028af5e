"""The rules' words, in French and English. All of them come from the data files."""

from __future__ import annotations

from hds_bot.rules.model import Change, Judgement, Rule, RuleBook
from hds_bot.types import FactValue, Language, TraceStep


def question(book: RuleBook, fact: str, language: Language) -> str:
    """Return what to ask a person who hasn't said it."""
    return book.facts[fact].question[language]


def label(book: RuleBook, fact: str, value: FactValue, language: Language) -> str:
    """Return a fact's value in a few words, such as “un cabinet médical ou paramédical”."""
    if value is None:
        return _sentence(book, "unknown_fact", language, name=book.facts[fact].name[language])
    return book.facts[fact].labels[value][language]


def summary(book: RuleBook, judgement: Judgement, language: Language) -> str:  # noqa: ARG001 - one signature for all
    """Give the verdict and why, in one or two plain sentences."""
    return judgement.decided_by.summary[language]


def describe_change(book: RuleBook, change: Change, language: Language) -> str:
    """Say what a change would do: “Si les données étaient …, la réponse serait non.”."""
    verdict = book.wording[change.verdict][language]
    return _sentence(book, "change", language, condition=change.condition[language], verdict=verdict)


def describe_step(book: RuleBook, judgement: Judgement, step: TraceStep, language: Language) -> str:
    """Say in a sentence why a rule did or did not decide."""
    rule, other = book.rule(step.rule), _overrider(book, judgement, step)
    said = ", ".join(label(book, fact, judgement.facts.get(fact), language) for fact in step.facts)
    other_title = other.title[language] if other else ""
    return _sentence(book, step.outcome, language, title=rule.title[language], facts=said, other=other_title)


def _overrider(book: RuleBook, judgement: Judgement, step: TraceStep) -> Rule | None:
    fired = (book.rule(other.rule) for other in judgement.trace if other.outcome == "fired")
    return next((rule for rule in fired if step.rule in rule.overrides), None)


def _sentence(book: RuleBook, sentence: str, language: Language, /, **parts: str) -> str:
    return book.wording[sentence][language].format(**parts)
