"""The conversation in the page's address, and back: what a reload, the back button and a shared link keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hds_bot import rules
from hds_bot.errors import InputError
from hds_bot.interfaces.page.conversation import Conversation, Step
from hds_bot.types import FactValue

LONGEST = 6_000
"""Characters of a conversation that an address can hold."""
_TURN, _SET, _UNKNOWN = "q", "set", "unknown"
Query = dict[str, list[str]]


def to_query(conversation: Conversation) -> Query:
    """Write each step as a `q` (empty for a button), each fact set by hand as `set=STEP.FACT.VALUE`."""
    turns = [step.text for step in conversation.steps]
    facts = [
        f"{number}.{fact}.{_word(fact, value)}"
        for number, step in enumerate(conversation.steps)
        for fact, value in step.facts.items()
    ]
    return {name: values for name, values in ((_TURN, turns), (_SET, facts)) if values}


def fits(conversation: Conversation) -> bool:
    """Tell whether an address can hold a conversation."""
    return sum(map(len, conversation.turns)) <= LONGEST


def from_query(query: Mapping[str, Sequence[str]]) -> Conversation:
    """Read what `to_query` wrote. Raises InputError where it is something else."""
    turns, facts = query.get(_TURN, ()), query.get(_SET, ())
    by_step: list[dict[str, FactValue]] = [{} for _ in turns]
    try:
        for written in facts:
            number, fact, word = written.split(".")
            by_step[_index(number, turns)][fact] = _value(fact, word)
        return _checked(tuple(map(Step, turns, by_step)))
    except (KeyError, ValueError, IndexError) as error:
        raise InputError("the address holds no conversation", next_step="open the page without it") from error


def _checked(steps: tuple[Step, ...]) -> Conversation:
    if steps and not steps[0].text:
        raise ValueError("a button can't open a conversation")
    if not all(step.text or step.facts for step in steps):
        raise ValueError("a step says nothing")
    return Conversation(steps)


def _index(number: str, turns: Sequence[str]) -> int:
    return range(len(turns))[int(number)]


def _word(fact: str, value: FactValue) -> str:
    values = rules.load_rules().facts[fact].values
    return next((word for word, written in values.items() if written == value), _UNKNOWN)


def _value(fact: str, word: str) -> FactValue:
    values = rules.load_rules().facts[fact].values
    return None if word == _UNKNOWN else values[word]
