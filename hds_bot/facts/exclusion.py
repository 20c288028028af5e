"""Is all the data excluded? The claim, whether it stands, and what stands against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hds_bot.facts.context import Scene, Seen
from hds_bot.facts.health import beside_data, is_health
from hds_bot.facts.lexicon import Mention

NEAR = 5
DEFEATS = frozenset({"real", "copy_of_production", "reversible", "reach_back"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One exclusion claimed in one place; `strong` where it is said to be complete or without return."""

    fact: str
    seen: Seen
    strong: bool


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What the conversation comes to."""

    fact: str = ""
    stands: Seen | None = None
    """The words that exclude all the data."""
    doubted: Seen | None = None
    """The words that leave it open."""
    defeated: Seen | None = None
    """The words that no exclusion survives."""


def read_exclusion(scenes: Sequence[Scene]) -> Exclusion:
    """Let the latest turn that claims an exclusion, or defeats one, decide; within a turn defeat wins."""
    for scene in reversed(scenes):
        found = _in_turn(scene, scenes)
        if found.fact or found.defeated:
            return found
    return Exclusion()


def _in_turn(scene: Scene, scenes: Sequence[Scene]) -> Exclusion:
    claims = _claims(scene)
    defeats = _defeats(scene, claims)
    if defeats:
        earlier = [c for s in scenes if s.turn < scene.turn for c in _claims(s)]
        fact = next((c.fact for c in (*claims, *earlier)), "")
        return Exclusion(fact, defeated=defeats[-1])
    if not claims:
        return Exclusion()
    return _weigh(scene, claims)


def _weigh(scene: Scene, claims: Sequence[Claim]) -> Exclusion:
    sure = [c for c in claims if c.seen.holds and not c.seen.partial and _substantial(c, claims)]
    if sure and not (_doubts(scene, claims) and not any(c.strong for c in sure)):
        return Exclusion(sure[0].fact, stands=sure[0].seen)
    denied = [c for c in claims if c.seen.denied or c.seen.partial]
    if denied and len(denied) == len([c for c in claims if c.fact == denied[-1].fact]):
        return Exclusion(denied[-1].fact, defeated=denied[-1].seen)
    return Exclusion(claims[-1].fact, doubted=claims[-1].seen)


def _substantial(claim: Claim, claims: Sequence[Claim]) -> bool:
    """One word such as « statistics » is not enough to say that nobody can be found in them."""
    if claim.seen.kind == "test_environment":
        return False
    if claim.fact != "statistical":
        return True
    return claim.strong or len([c for c in claims if c.fact == "statistical"]) > 1


def _doubts(scene: Scene, claims: Sequence[Claim]) -> bool:
    """Look for doubt about the data: beside a claim, or in a sentence that speaks of nothing else."""
    return any(cue.kind == "uncertainty" and _casts_doubt(scene, cue, claims) for cue in scene.cues)


def _casts_doubt(scene: Scene, cue: Mention, claims: Sequence[Claim]) -> bool:
    sentence = scene.tokens[cue.first].sentence
    here = [s for s in scene.seen if s.sentence == sentence and s.family in {"marks", "health_data"}]
    if any(s.future for s in here):
        return False
    claimed = any(c.seen.sentence == sentence for c in claims)
    return not here or claimed or any(s.kind in DEFEATS for s in here)


def _claims(scene: Scene) -> list[Claim]:
    found = []
    for seen in scene.family("marks"):
        fact = _claimed(scene, seen)
        if fact:
            kept = fact in {"anonymised", "statistical", "simulated"} and seen.concept != "real_word"
            affirmed = seen if kept else replace(seen, negated=False)
            found.append(Claim(fact, affirmed, _strong(scene, seen)))
    return found


def _claimed(scene: Scene, seen: Seen) -> str | None:
    if scene.tokens[seen.mention.first].fold.endswith("iser"):
        return None
    if seen.kind in {"anonymised", "statistical"} and seen.concept != "statistical_rows_denied":
        return seen.kind
    if seen.kind == "simulated":
        return "simulated" if seen.concept == "simulated" or _about_data(scene, seen) else None
    if seen.concept == "real_word" and seen.negated and not seen.exceptional and _about_data(scene, seen):
        return "simulated"
    if seen.kind == "test_environment":
        return "simulated"
    if seen.concept == "no_storage" or (
        seen.concept in {"no_personal", "no_personal_denied"} and seen.negated
    ):
        return "no_personal_data"
    return None


def _about_data(scene: Scene, seen: Seen) -> bool:
    near = range(seen.mention.first - NEAR, seen.mention.last + NEAR + 1)
    named = any(
        other.mention.first in near and (other.family == "health_data" or other.kind == "test_environment")
        for other in scene.seen
    )
    return named or beside_data(scene, seen)


def _strong(scene: Scene, seen: Seen) -> bool:
    """Said to be complete, or that nobody can get back to a person."""
    near = range(seen.mention.first - NEAR, seen.mention.last + NEAR + 1)
    thorough = any(s.mention.first in near and s.holds for s in scene.of("thorough"))
    closed = any(s.holds for s in scene.of("irreversible")) or any(s.negated for s in scene.of("reach_back"))
    rows = any(
        s.negated or s.concept.endswith("_denied") for s in scene.of("statistical") if "rows" in s.concept
    )
    return thorough or closed or rows


def _defeats(scene: Scene, claims: Sequence[Claim]) -> list[Seen]:
    """Real people, a way back, an exception, encryption taken for anonymity."""
    strong = [c for c in claims if c.strong and c.seen.holds]
    invented = bool(claims) and all(c.fact == "simulated" for c in claims)
    found = [
        s
        for s in scene.seen
        if _defeating(scene, s) and not (strong and _outdone(s)) and not (invented and _of_names(s))
    ]
    if any(c.fact == "anonymised" and not c.strong for c in claims):
        found += [s for s in scene.of("encrypted") if not s.past]
    return sorted(found, key=lambda s: s.mention.first)


def _of_names(seen: Seen) -> bool:
    """Invented patients have names and codes too."""
    return seen.kind in {"reversible", "reach_back"} or seen.concept == "named"


def _outdone(seen: Seen) -> bool:
    """Tell what a complete anonymisation leaves behind: pseudonyms, names removed on the way."""
    return seen.concept in {"pseudonymised", "names_removed", "named"} and not seen.exceptional


def _defeating(scene: Scene, seen: Seen) -> bool:
    if not seen.holds or seen.future:
        return False
    if seen.family == "marks":
        return seen.kind in DEFEATS and not (seen.asked and seen.kind == "reach_back")
    return seen.exceptional and (is_health(scene, seen) or seen.kind == "person")
