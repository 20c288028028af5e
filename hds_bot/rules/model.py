"""What the rules room is made of: the rule book, and what it says about a situation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hds_bot.rules.logic import Condition, Facts
from hds_bot.types import FactValue, Language, TraceStep, Verdict

Words = Mapping[Language, str]
DECIDED = (Verdict.OUI, Verdict.NON)


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A fact of the closed vocabulary: the values it may take, and the words for them."""

    id: str
    name: Words
    question: Words
    values: Mapping[str, FactValue]
    """By the word that writes each in the rules: yes, no, or a choice."""
    labels: Mapping[FactValue, Words]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and its outcome, pinned to the guidance's own words."""

    id: str
    group: str
    title: Words
    verdict: Verdict
    when: Condition
    overrides: frozenset[str]
    """The ids of the rules that give way to this one."""
    document: str
    quote: str
    also: tuple[str, ...]
    summary: Words
    asks: tuple[str, ...]
    line: bool = False
    """Whether it is the guidance's own line on one kind, made by `each`."""


@dataclass(frozen=True, slots=True)
class ChangeSpec:
    """A change of facts that a person can imagine, with the words for it."""

    values: Facts
    implies: Facts
    when: Condition
    condition: Words


@dataclass(frozen=True, slots=True)
class CautionSpec:
    """Where the official texts are narrower, wider or unsettled."""

    id: str
    text: Words
    reference: str
    url: str
    standing: str
    checked: str
    verdicts: frozenset[Verdict]
    when: Condition
    bears_on: Condition | None


@dataclass(frozen=True)
class RuleBook:
    """The guidance as rules, loaded strictly, with the words that go with them."""

    facts: Mapping[str, FactSpec]
    rules: tuple[Rule, ...]
    """In the file's order: of the rules left standing, the first decides."""
    precedence: tuple[Rule, ...]
    """The same rules, each after all that override it."""
    possible_changes: tuple[ChangeSpec, ...]
    cautions: tuple[CautionSpec, ...]
    notice: Words
    """To be shown with the cautions."""
    wording: Mapping[str, Words]
    sha256: str
    """Of all the data files."""

    def rule(self, rule_id: str) -> Rule:
        """Return the rule of that id; KeyError where there is none."""
        return self.rules[self.position[rule_id]]

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Where each rule stands in the file's order, by id."""
        return {rule.id: n for n, rule in enumerate(self.rules)}


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One answer to a missing fact and the verdict it leads to."""

    value: FactValue
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class MissingSpec:
    """A fact that can still change the verdict, with what each answer leads to."""

    fact: str
    options: tuple[OptionSpec, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The facts to change, the verdict they lead to, and the quote that would then decide."""

    facts: Facts
    verdict: Verdict
    quote: str
    condition: Words


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say about a situation."""

    verdict: Verdict
    decided_by: Rule
    quotes: tuple[str, ...]
    """The deciding rule's first, then what supports it; empty where no verdict is given."""
    trace: tuple[TraceStep, ...]
    missing: tuple[MissingSpec, ...]
    changes: tuple[Change, ...]
    facts: Facts

    @property
    def rule(self) -> Rule | None:
        """The deciding rule, or None where it is pinned to no quote (no verdict, or outside the guidance)."""
        return self.decided_by if self.decided_by.quote else None


@dataclass(frozen=True, slots=True)
class LostQuote:
    """A quote that its document no longer holds."""

    rule: str
    document: str
    quote: str
