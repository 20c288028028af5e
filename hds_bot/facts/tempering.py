"""Words and meaning weighed: what the head over the encoder's states may change of the facts that words showed.

Where words and meaning come to the same verdict nothing changes. Where they differ, the more careful of the two is
kept unless the other is sure; an exclusion always needs both: words that speak of one (or of no health data at all),
and a meaning that is sure of it. The reason (`non:anonymised`, `a_preciser:practice`…) says which fact is then meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hds_bot.types import Fact, FactValue

Outcome = Literal["oui", "non", "a_preciser"]

NO_AT_ALL = 0.5
"""Below this, meaning takes back a « non » of the words."""
SURE_OF_NO = 0.75
"""From here, meaning turns « à préciser » into « non », where words speak of an exclusion."""
SURE_AGAINST_WORDS = 0.85
"""From here, it does so even against a « oui » of the words."""
SURE_IN_SILENCE = 0.93
"""From here, it does so where words speak of no health data at all."""
NEVER = 2.0
SURE_OF_YES_AGAINST_NO = 0.6
OPEN_AFTER_ALL = 0.5
EXCLUSIONS = frozenset({"anonymised", "statistical", "simulated", "no_personal_data"})
CONDITIONS = ("stores_records", "uses_software", "exchanges_data", "teleconsults")
OPEN_ACTORS = frozenset({"practice", "startup", "organisation", "provider"})
"""Reasons of « à préciser » that name an actor whose own question is left."""
DECIDING = {"health_data", "provider_access", "in_doubt", *EXCLUSIONS, *CONDITIONS}


def outcome_of(facts: Mapping[str, FactValue]) -> Outcome:
    """Which way the facts point, before the rules have their say."""
    get = facts.get
    if get("health_data") is True or get("provider_access") is True:
        return "oui"
    if any(get(name) for name in EXCLUSIONS) or get("health_data") is False:
        return "non"
    if get("in_doubt"):
        return "a_preciser"
    return _by_actor(facts)


def _by_actor(facts: Mapping[str, FactValue]) -> Outcome:
    actor = facts.get("actor")
    if actor in {"establishment", "publisher"}:
        return "oui"
    if actor == "practice":
        told = [facts.get(name) for name in CONDITIONS]
        return "oui" if True in told else "non" if told == [False] * len(told) else "a_preciser"
    if actor == "provider" and facts.get("provider_access") is False:
        return "non"
    return "a_preciser"


@dataclass(frozen=True, slots=True)
class Corroboration:
    """What the words say for or against an exclusion, whether or not it suffices for a fact."""

    worded: Fact | None
    """Words that speak of excluded data, of none, of no access, or of another trade."""
    silent: bool
    """No health data is spoken of at all."""
    protected: bool
    """Real people, a way back or an exception is named: no meaning overrules that."""
    firm: bool = False
    """An exclusion stands that is said to be complete or without return."""
    brief: bool = False
    """So few words that they mean what they say: there is no context for meaning to read."""


def temper(
    found: Sequence[Fact], verdicts: Mapping[str, float], reasons: Mapping[str, float], words: Corroboration
) -> list[Fact]:
    """The facts after meaning has been heard."""
    shown = outcome_of({f.id: f.value for f in found})
    settled = settle(shown, verdicts, words)
    if settled == shown:
        return list(found)
    reason = max((r for r in reasons if r.split(":")[0] == settled), key=lambda r: reasons[r])
    return _as_meant(found, settled, reason.partition(":")[2], words.worded)


def settle(shown: Outcome, odds: Mapping[str, float], words: Corroboration) -> Outcome:
    """The verdict that words and meaning can both answer for."""
    if words.brief and (shown == "oui" or (words.firm and odds["oui"] < SURE_OF_YES_AGAINST_NO)):
        return shown
    if shown == "non":
        return _still_no(odds)
    if odds["non"] >= _needed(shown, words):
        return "non"
    best = max(odds, key=lambda name: (odds[name], name))
    if shown == "a_preciser":
        return "oui" if best == "oui" else shown
    return "a_preciser" if odds["a_preciser"] >= OPEN_AFTER_ALL else shown


def _needed(shown: Outcome, words: Corroboration) -> float:
    """How sure of « non » meaning must be, above 1 where it may not say so."""
    if words.protected:
        return NEVER
    if words.worded:
        return SURE_OF_NO if shown == "a_preciser" else SURE_AGAINST_WORDS
    return SURE_IN_SILENCE if words.silent and shown == "a_preciser" else NEVER


def _still_no(odds: Mapping[str, float]) -> Outcome:
    if odds["non"] >= NO_AT_ALL:
        return "non"
    return "oui" if odds["oui"] >= SURE_OF_YES_AGAINST_NO else "a_preciser"


def _as_meant(found: Sequence[Fact], settled: Outcome, reason: str, worded: Fact | None) -> list[Fact]:
    kept = [f for f in found if f.id not in DECIDING]
    if settled == "oui":
        return [*kept, Fact("health_data", True, None, "semantic")]
    if settled == "non":
        return [*kept, *_excluded(reason, worded)]
    return _opened(kept, found, reason)


def _excluded(reason: str, worded: Fact | None) -> list[Fact]:
    evidence = worded.evidence if worded else None
    if reason in EXCLUSIONS:
        return [Fact(reason, True, evidence, "semantic")]
    return [Fact("health_data", False, evidence, "semantic")]


def _opened(kept: Sequence[Fact], found: Sequence[Fact], reason: str) -> list[Fact]:
    """What is left to ask: the doubt, or the actor's own question."""
    if reason == "doubt":
        claimed = next((f for f in found if f.id in EXCLUSIONS and f.value), None)
        fact = claimed.id if claimed else "anonymised"
        return [*kept, Fact("in_doubt", fact, claimed.evidence if claimed else None, "semantic")]
    denied = [f for f in found if f.id in CONDITIONS and f.value is False]
    others = [f for f in kept if f.id != "actor"]
    if reason not in OPEN_ACTORS:
        return others
    named = next(
        (f for f in kept if f.id == "actor" and f.value == reason), Fact("actor", reason, None, "semantic")
    )
    return [named, *others, *(denied[:3] if reason == "practice" else [])]
