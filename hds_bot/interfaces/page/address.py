"""The conversation in the page's address, and back: what a reload, the back button and a shared link keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hds_bot import rules
from hds_bot.bot import MAX_TURNS
from hds_bot.errors import InputError
from hds_bot.interfaces.page.conversation import Conversation, Step, sound
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


def from_query(query: Mapping[str, Sequence[str]]) -> tuple[Conversation, bool]:
    """Read what `to_query` wrote, and tell whether all of it could be read; the rest is left out.

    Raises InputError where there are more than MAX_TURNS steps.
    """
    turns, facts = query.get(_TURN, ()), query.get(_SET, ())
    if len(turns) > MAX_TURNS:
        raise InputError(f"the address holds {len(turns)} turns; {MAX_TURNS} are read at most")
    by_step: list[dict[str, FactValue]] = [{} for _ in turns]
    read = [_set(written, by_step) for written in facts]
    steps = tuple(map(Step, turns, by_step))
    conversation = sound(steps)
    return conversation, all(read) and conversation.steps == steps


def _set(written: str, by_step: Sequence[dict[str, FactValue]]) -> bool:
    """Set a fact as `STEP.FACT.VALUE` says; False where that says nothing."""
    try:
        number, fact, word = written.split(".")
        by_step[range(len(by_step))[int(number)]][fact] = _value(fact, word)
    except (KeyError, ValueError, IndexError):
        return False
    return True


def _word(fact: str, value: FactValue) -> str:
    values = rules.load_rules().facts[fact].values
    return next((word for word, written in values.items() if written == value), _UNKNOWN)


def _value(fact: str, word: str) -> FactValue:
    values = rules.load_rules().facts[fact].values
    return None if word == _UNKNOWN else values[word]
