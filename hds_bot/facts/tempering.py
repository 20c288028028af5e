"""Words and meaning weighed: what the head over the encoder's states may change of the facts that words showed.

The head names a reason (`oui`, `non:anonymised`, `a_preciser:practice`…). Where words and meaning come to the
same verdict nothing changes. Where they differ, the more careful of the two is kept unless the other is sure;
an exclusion always needs both: words that speak of one, and a meaning that is sure of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from hds_bot.types import Fact, FactValue

Outcome = Literal["oui", "non", "a_preciser"]

SURE_OF_YES = 0.6
SURE_OF_NO = 0.85
SURE_AGAINST_WORDS = 0.55
EXCLUSIONS = frozenset({"anonymised", "statistical", "simulated", "no_personal_data"})
CONDITIONS = ("stores_records", "uses_software", "exchanges_data", "teleconsults")
OPEN_ACTOR = {"practice": "practice", "startup": "startup", "organisation": "organisation", "provider": "provider"}
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


def temper(found: Sequence[Fact], odds: Mapping[str, float], *, worded: Fact | None) -> list[Fact]:
    """The facts after meaning has been heard; `worded` is the words' own mention of an exclusion, if any."""
    words = outcome_of({f.id: f.value for f in found})
    meaning = {name: sum(p for reason, p in odds.items() if reason.split(":")[0] == name) for name in VERDICTS}
    best = max(VERDICTS, key=lambda name: meaning[name])
    settled = _settle(words, best, meaning, excludable=worded is not None)
    if settled == words:
        return list(found)
    reason = max((r for r in odds if r.split(":")[0] == settled), key=lambda r: odds[r])
    return _as_meant(found, settled, reason.partition(":")[2], worded)


VERDICTS: tuple[Outcome, ...] = ("oui", "a_preciser", "non")


def _settle(words: Outcome, best: Outcome, meaning: Mapping[str, float], *, excludable: bool) -> Outcome:
    """The verdict that both can answer for."""
    if best == words:
        return words
    if best == "oui":
        return "oui" if meaning["oui"] >= SURE_OF_YES else "a_preciser"
    if best == "a_preciser":
        return "a_preciser" if words == "non" or meaning["a_preciser"] >= SURE_AGAINST_WORDS else words
    if words == "a_preciser" and excludable and meaning["non"] >= SURE_OF_NO:
        return "non"
    return "a_preciser"


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
    actor = OPEN_ACTOR.get(reason)
    others = [f for f in kept if f.id != "actor"]
    if actor is None:
        return others
    named = next((f for f in kept if f.id == "actor" and f.value == actor), Fact("actor", actor, None, "semantic"))
    return [named, *others, *(denied[:3] if actor == "practice" else [])]
