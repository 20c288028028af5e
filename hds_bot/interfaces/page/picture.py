"""The decision as a picture: the gates that every answer goes through, and where this one stopped."""

from __future__ import annotations

from collections.abc import Iterator

from hds_bot import rules
from hds_bot.interfaces.page.judging import judged
from hds_bot.interfaces.page.markup import Html, tag
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import words as answer_words
from hds_bot.rules import Judgement, Rule
from hds_bot.types import Answer, Outcome

_STATES: tuple[Outcome, ...] = ("fired", "overridden", "unknown", "not_met")
"""What a gate's rules did, the most telling first."""


def path(answer: Answer, say: Words) -> Html:
    """Draw the gates down to the one that decided this answer."""
    judgement = judged(answer)
    gates = []
    for group in groups():
        stops = group == judgement.decided_by.group
        gates.append(_gate(group, _passed(group, judgement, say, stops=stops), say, stops=stops))
        if stops:
            break
    return tag("ol", *gates, class_="hds-ladder")


def tree(say: Words) -> Html:
    """Draw every gate with every rule behind it."""
    gates = (_gate(group, tag("ul", *_rules_of(group, say)), say) for group in groups())
    return tag("ol", *gates, class_="hds-ladder")


def groups() -> tuple[str, ...]:
    """Give the groups of rules, each after those that override it."""
    return tuple(dict.fromkeys(rule.group for rule in rules.load_rules().precedence))


def _gate(group: str, content: str, say: Words, *, stops: bool = False) -> Html:
    speak = answer_words(say.language)
    verdicts = dict.fromkeys(rule.verdict for rule in _members(group))
    shown = " / ".join(f"{speak.icon[verdict]} {speak.verdict[verdict]}" for verdict in verdicts)
    name = tag("span", say.under("group").get(group, group), class_="hds-gate-name")
    leads = tag(
        "span", tag("span", " → ", class_="hds-out"), shown, class_=f"hds-leads hds-{next(iter(verdicts))}"
    )
    return tag("li", name, leads, content, class_="hds-stop" if stops else "")


def _passed(group: str, judgement: Judgement, say: Words, *, stops: bool) -> Html:
    """Say what this answer met at a gate."""
    if stops:
        facts = ", ".join(_facts(judgement, say))
        told = say("picture.stops", rule=judgement.decided_by.title[say.language])
        return tag("p", tag("strong", told), f" {facts}" if facts else "")
    members = {rule.id for rule in _members(group)}
    met = {step.outcome for step in judgement.trace if step.rule in members}
    return tag("p", say(f"picture.{next(state for state in _STATES if state in met)}"))


def _facts(judgement: Judgement, say: Words) -> Iterator[str]:
    book = rules.load_rules()
    for step in judgement.trace:
        if step.rule == judgement.decided_by.id:
            yield from (
                rules.label(book, fact, judgement.facts.get(fact), say.language) for fact in step.facts
            )


def _rules_of(group: str, say: Words) -> Iterator[Html]:
    return (tag("li", rule.title[say.language]) for rule in _members(group) if not rule.line)


def _members(group: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules.load_rules().rules if rule.group == group)
