"""Words and meaning weighed: what the reader of the encoder's states may change of the facts that words showed.

Where words and meaning come to the same verdict nothing changes. Where they differ, meaning tells « oui » from « à
préciser »; an exclusion always needs both: words that speak of one (or of no health data at all), and a meaning that
is the surer of it the more the words stand against it. The reason (`non:anonymised`, `a_preciser:practice`…) says
which fact is then meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hds_bot.types import Fact, FactValue

Outcome = Literal["oui", "non", "a_preciser"]

STILL_NO = 0.8
"""Below this, meaning takes back a « non » of the words."""
SURE_OF_NO = 0.9
"""From here, meaning turns « à préciser » into « non », where words speak of an exclusion."""
SURE_IN_SILENCE = 0.95
"""From here, it does so where words speak of no health data at all."""
SURE_AGAINST_WORDS = 0.95
"""From here, it does so even against a « oui » of the words."""
SURE_AGAINST_PROTECTION = 0.97
"""From here, it does so even where words name what no exclusion survives, or only deny, limit or correct."""
NEVER = 2.0
SURE_OF_ANOTHER_WISH = 0.5
"""From here, meaning overrules words that plainly ask for a verdict."""
HARDLY = 0.1
"""Below this, even a brief question can't mean what its words say."""
SURE_OF_YES = 0.6
EXCLUSIONS = frozenset({"anonymised", "statistical", "simulated", "no_personal_data"})
CONDITIONS = ("stores_records", "uses_software", "exchanges_data", "teleconsults")
OPEN_ACTORS = frozenset({"practice", "startup", "organisation", "provider"})
"""Reasons of « à préciser » that name an actor whose own question is left."""
MEANT: Mapping[str, Mapping[str, FactValue]] = {
    "establishment": {"actor": "establishment"},
    "product": {"actor": "publisher"},
    "practice_condition": {"actor": "practice", "health_data": True},
    "provider_access": {"actor": "provider", "provider_access": True},
    "encrypted": {"encrypted": True, "health_data": True},
    "pseudonymised": {"pseudonymised": True, "health_data": True},
}
"""The facts that a reason of « oui » stands for, where not just health data."""
RULED_OUT: Mapping[str, Mapping[str, FactValue]] = {
    **{name: {name: True} for name in ("anonymised", "statistical", "simulated", "no_personal_data")},
    "practice_none": {"actor": "practice", **dict.fromkeys(CONDITIONS, False)},
    "provider_no_access": {"actor": "provider", "provider_access": False},
}
"""The facts that a reason of « non » stands for, where not just no health data."""
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
    """Real people, a way back, an exception, encryption, or what binds a practice is named."""
    firm: bool = False
    """An exclusion stands that is said to be complete or without return."""
    brief: bool = False
    """So few words that they mean what they say: there is no context for meaning to read."""
    limited: Fact | None = None
    """Words that deny something, keep to something, or correct what was said."""


def wish(request: Fact, odds: Mapping[str, float]) -> Fact:
    """What is asked for as meaning has it; the words' own where they agree, or ask plainly and meaning is unsure."""
    best = max(odds, key=lambda name: (odds[name], name))
    plainly = request.value == "verdict" and request.evidence is not None
    if best == request.value or (plainly and odds[best] < SURE_OF_ANOTHER_WISH):
        return request
    return Fact("request", best, None, "semantic")


def temper(
    found: Sequence[Fact], verdicts: Mapping[str, float], reasons: Mapping[str, float], words: Corroboration
) -> list[Fact]:
    """The facts after meaning has been heard."""
    shown = outcome_of({f.id: f.value for f in found})
    settled = settle(shown, verdicts, words)
    if settled == shown:
        return list(found)
    reason = max((r for r in reasons if r.split(":")[0] == settled), key=lambda r: reasons[r])
    return _as_meant(found, settled, reason.partition(":")[2], words.worded or words.limited)


def settle(shown: Outcome, odds: Mapping[str, float], words: Corroboration) -> Outcome:
    """The verdict that words and meaning can both answer for."""
    if words.brief and odds[shown] >= HARDLY and _plain(shown, odds, words):
        return shown
    if odds["non"] >= _needed(shown, words):
        return "non"
    return "oui" if odds["oui"] >= odds["a_preciser"] else "a_preciser"


def _plain(shown: Outcome, odds: Mapping[str, float], words: Corroboration) -> bool:
    if shown == "oui":
        return odds["non"] < SURE_AGAINST_WORDS
    return words.firm and odds["oui"] < SURE_OF_YES


def _needed(shown: Outcome, words: Corroboration) -> float:
    """How sure of « non » meaning must be, above 1 where it may not say so."""
    if shown == "non":
        return SURE_AGAINST_PROTECTION if words.protected else STILL_NO
    if not (words.worded or words.silent or words.limited):
        return NEVER
    if words.protected or not (words.worded or words.silent):
        return SURE_AGAINST_PROTECTION
    if shown == "oui":
        return SURE_AGAINST_WORDS
    return SURE_OF_NO if words.worded else SURE_IN_SILENCE


def _as_meant(found: Sequence[Fact], settled: Outcome, reason: str, worded: Fact | None) -> list[Fact]:
    kept = [f for f in found if f.id not in DECIDING]
    if settled == "oui":
        return _included(kept, reason)
    if settled == "non":
        return _excluded(kept, reason, worded)
    return _opened(kept, found, reason)


def _included(kept: Sequence[Fact], reason: str) -> list[Fact]:
    """What makes it due: an actor whose work it is, a hand on the data, or the data themselves."""
    meant = MEANT.get(reason, {"health_data": True})
    named = {f.id for f in kept if f.value == meant.get(f.id)}
    others = [f for f in kept if f.id not in meant or f.id in named]
    added = [Fact(name, value, None, "semantic") for name, value in meant.items() if name not in named]
    return [*others, *added]


def _excluded(kept: Sequence[Fact], reason: str, worded: Fact | None) -> list[Fact]:
    """What rules it out, shown by the words that speak of it."""
    evidence = worded.evidence if worded else None
    meant = RULED_OUT.get(reason, {"health_data": False})
    others = [f for f in kept if f.id not in meant]
    return [*others, *(Fact(name, value, evidence, "semantic") for name, value in meant.items())]


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
