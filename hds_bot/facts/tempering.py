"""Where the meaning of the whole conversation may add to the facts that words showed, and where it must not.

It may say that health data are meant (an extra « oui »), or withdraw an exclusion that words suggested (one
« non » fewer). It never excludes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hds_bot.types import Fact

INPUT_WEIGHT = 0.5
SURE = 0.8
UNLIKELY = 0.1
EXCLUDING = frozenset({"anonymised", "statistical", "simulated", "no_personal_data"})
NAMED = frozenset({"actor", "in_doubt"})


def situation_inputs(found: Sequence[Fact]) -> dict[str, float]:
    """The facts as named inputs of the verdict head."""
    names = [f"{f.id}={f.value}" if f.id in NAMED or isinstance(f.value, bool) else f.id for f in found]
    return dict.fromkeys(names, INPUT_WEIGHT)


def temper(found: list[Fact], odds: Mapping[str, float]) -> list[Fact]:
    """Add or withdraw by the odds of the three verdicts."""
    excluded = any(f.value is True and f.id in EXCLUDING for f in found)
    denied = any(f.value is False and f.id in {"health_data", "provider_access"} for f in found)
    if (excluded or denied) and odds["non"] < UNLIKELY:
        found = [_reopened(f) for f in found]
    known = {f.id: f.value for f in found}
    if odds["oui"] > SURE and known.get("health_data") is None and not excluded and not denied:
        found = [*found, Fact("health_data", True, None, "semantic")]
    return found


def _reopened(fact: Fact) -> Fact:
    """An exclusion that the meaning of the whole speaks against is left open."""
    if fact.id in EXCLUDING and fact.value is True:
        return Fact("in_doubt", fact.id, fact.evidence, "semantic")
    if fact.id in {"health_data", "provider_access"} and fact.value is False:
        return Fact(fact.id, None, fact.evidence, "semantic")
    return fact
