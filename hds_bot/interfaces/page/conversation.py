"""A conversation as the user made it: what was said, what was answered by a button, what was corrected.

Nothing else is kept: answers are asked anew for each step, so any step can be edited or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hds_bot.types import FactValue


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the user: words, or the answer to a missing fact; and the facts set by hand with it."""

    text: str = ""
    """Empty where a button was clicked: then the first of `facts` is what was answered."""
    facts: Mapping[str, FactValue] = field(default_factory=dict)

    @property
    def answered(self) -> str:
        """The missing fact that this step answers; empty where the user wrote."""
        return "" if self.text else next(iter(self.facts))


@dataclass(frozen=True, slots=True)
class Conversation:
    """Steps, oldest first. Each change gives another conversation."""

    steps: tuple[Step, ...] = ()

    @property
    def known(self) -> dict[str, FactValue]:
        """Every fact set by hand, the latest setting of each."""
        return {fact: value for step in self.steps for fact, value in step.facts.items()}

    @property
    def turns(self) -> tuple[str, ...]:
        """What the user wrote, oldest first."""
        return tuple(step.text for step in self.steps if step.text)

    def until(self, number: int) -> Conversation:
        """Give the conversation as it was after a step, counted from 0."""
        return Conversation(self.steps[: number + 1])

    def said(self, text: str) -> Conversation:
        """Add what the user wrote."""
        return Conversation((*self.steps, Step(text)))

    def answered(self, fact: str, value: FactValue) -> Conversation:
        """Add the answer to a missing fact."""
        return Conversation((*self.steps, Step(facts={fact: value})))

    def corrected(self, fact: str, value: FactValue) -> Conversation:
        """Set a fact by hand in the last step; None says that it isn't known."""
        last = self.steps[-1]
        return Conversation((*self.steps[:-1], replace(last, facts={**last.facts, fact: value})))

    def forgotten(self, fact: str) -> Conversation:
        """Take back every setting of a fact by hand."""
        return sound(
            replace(step, facts={name: value for name, value in step.facts.items() if name != fact})
            for step in self.steps
        )

    def edited(self, number: int, text: str) -> Conversation:
        """Replace the words of a step; what was set by hand stays."""
        return Conversation(
            tuple(replace(step, text=text) if n == number else step for n, step in enumerate(self.steps))
        )

    def reworded(self, reword: Callable[[str], str]) -> Conversation:
        """Change the words of every step."""
        return Conversation(
            tuple(replace(step, text=reword(step.text)) if step.text else step for step in self.steps)
        )

    def removed(self, number: int) -> Conversation:
        """Leave a step out."""
        return sound(step for n, step in enumerate(self.steps) if n != number)


def sound(steps: Iterable[Step]) -> Conversation:
    """Leave out steps without content, and buttons clicked before anything was said."""
    kept: list[Step] = []
    for step in steps:
        if step.text or (kept and step.facts):
            kept.append(step)
    return Conversation(tuple(kept))
