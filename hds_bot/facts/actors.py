"""Who asks: the one actor whose duty the question is about, told from clients and vendors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hds_bot.facts.context import Scene, Seen
from hds_bot.facts.text import SMALL, word_set

OWN_WORDS = word_set(
    "je j' suis sommes jsuis chui notre nos mon ma mes nous on i am 'm we 're are our my as tant que "
    "qualite dirige dirigeons gere run runs manage work travaille"
)
POSSESSIVE = word_set("notre nos mon ma mes our my")
SPEAKERS = word_set("je j' nous on we i")
ROLE = word_set(
    "suis sommes jsuis chui am 'm are 're as tant comme like societe entreprise boite company firm fait "
    "faisons faire assure assurons propose proposons fournit fournissons do provide offer run operate rent "
    "louons loue team equipe crew metier gere gerons dirige"
)
OTHERS = word_set(
    "pour chez par avec client cliente clients clientes clientele aux to for by with at from of customers "
    "customer client clients sell vendons vend auprès entre between serving whose dont un une a an"
)
FAMILY_ACTOR = {
    "providers": "provider",
    "professions": "practice",
    "establishments": "establishment",
    "health_products": "publisher",
    "organisations": "organisation",
    "activities": "none",
}
RANK = {
    "provider": 0,
    "publisher": 1,
    "practice": 2,
    "establishment": 3,
    "startup": 4,
    "organisation": 5,
    "none": 6,
}
CLIENTS = frozenset({"establishment", "practice", "publisher", "none"})
NOT_PRODUCTS = frozenset({"wearable", "medical_device_connected"})
DETAIL = {
    "provider": "provider_kind",
    "establishment": "establishment_kind",
    "publisher": "product",
    "organisation": "organisation_kind",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor, the mention that shows it, and (fact, value) of its kind."""

    kind: str | None
    seen: Seen | None = None
    detail: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    kind: str
    seen: Seen
    own: int


def find_actor(scenes: Sequence[Scene]) -> Actor:
    """Choose the candidate that is most the speaker's own; a provider's clients are not the provider."""
    candidates = [c for scene in scenes for s in scene.seen if (c := _candidate(scene, s))]
    best = max(candidates, key=_precedence, default=None)
    shut_out = _shut_out(scenes)
    if shut_out and best and best.kind in CLIENTS and best.own < 1:
        return Actor("provider", shut_out)
    return Actor(best.kind, best.seen, _detail(best)) if best else Actor(None)


def _precedence(candidate: _Candidate) -> tuple[bool, bool, int, int, int]:
    provider = candidate.kind == "provider"
    return provider, candidate.own > -1, -RANK[candidate.kind], candidate.own, candidate.seen.turn


def _shut_out(scenes: Sequence[Scene]) -> Seen | None:
    """Who says that the data are out of reach works for somebody else."""
    denied = [s for scene in scenes for s in scene.of("access") if s.denied and s.concept == "access_word"]
    return denied[-1] if denied else None


def _candidate(scene: Scene, seen: Seen) -> _Candidate | None:
    kind = FAMILY_ACTOR.get(seen.family)
    if kind is None or seen.negated or seen.kind in NOT_PRODUCTS:
        return None
    if seen.family == "organisations" and seen.kind == "startup":
        kind = "startup"
    own = _own(scene, seen)
    if kind == "provider" and own <= 0:
        return None
    return _Candidate(kind, seen, own)


def _detail(best: _Candidate) -> tuple[str, str] | None:
    fact = DETAIL.get(best.kind)
    return (fact, best.seen.kind) if fact else None


def _own(scene: Scene, seen: Seen) -> int:
    """Above 0 where it is the speaker's own, below where it is somebody else's."""
    words = _before(scene, seen)
    if words and words[-1] in POSSESSIVE:
        return 2
    if any(w in OTHERS for w in words[-2:]) and not any(w in ROLE for w in words[-4:]):
        return -1
    if any(w in ROLE for w in words[-6:]):
        return 2
    if not [w for w in words if w not in SMALL]:
        return 0 if seen.asked and seen.kind == "hosting" else 1
    if seen.family == "providers":
        return 1 if words[-1] in SPEAKERS else 0
    return 2 if any(w in OWN_WORDS for w in words[-5:]) else 0


def _before(scene: Scene, seen: Seen) -> list[str]:
    """Folded words of the clause before the mention."""
    words = []
    for i in range(seen.mention.first - 1, -1, -1):
        token = scene.tokens[i]
        if token.sentence != seen.sentence or token.text in ",;:()":
            break
        words.append(token.fold)
    return words[::-1]
