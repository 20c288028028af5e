"""From what was seen in the turns to the facts of the rules, each with the words that show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hds_bot.facts.actors import Actor, find_actor
from hds_bot.facts.context import Scene, Seen
from hds_bot.types import Evidence, Fact, FactValue, Method

EXCLUSIONS = ("anonymised", "statistical", "simulated", "no_personal_data")
WAY_BACK = ("reversible",)
EMPLOYEE_KINDS = frozenset({"sick_leave", "work_accident", "diagnosis", "certificate"})
RECORD_KINDS = frozenset(
    {"records", "imaging", "laboratory", "diagnosis", "prescription", "report", "follow_up", "care_admin"}
)
SPECIFIC_FIRST = (
    "sick_leave", "work_accident", "certificate", "signal", "ai_analysis", "biometric", "imaging", "laboratory",
    "prescription", "report", "records", "care_admin", "diagnosis", "follow_up", "app_data", "physiological",
    "treatment", "condition",
)  # fmt: skip
DATA_NOUNS = frozenset(
    "donnee donnees base bases fiche fiches fichier fichiers nom noms identite dossier dossiers liste photos photo "
    "image images infos info informations information coordonnees numero data database databases record records "
    "name names file files list details detail photos picture pictures notes note account accounts".split()
)


@dataclass(frozen=True, slots=True)
class Situation:
    """The scenes that matter, read together."""

    scenes: tuple[Scene, ...]

    def facts(self) -> list[Fact]:
        """Every fact that the words show, in a fixed order."""
        actor = find_actor(self.scenes)
        found = [*self._actor(actor), *self._marks(), *self._data(actor)]
        if actor.kind == "practice":
            found += self._practice()
        if actor.kind == "provider":
            found += self._provider(found)
        return found

    # -- who ------------------------------------------------------------------------------

    def _actor(self, actor: Actor) -> list[Fact]:
        if actor.seen is None:
            return []
        facts = [self._fact("actor", actor.kind, actor.seen, "inherent")]
        if actor.detail:
            facts.append(self._fact(*actor.detail, actor.seen, "inherent"))
        return facts

    # -- what is said of the data ---------------------------------------------------------

    def _marks(self) -> list[Fact]:
        """Facts that never decide, but choose the quote."""
        facts = []
        for fact, kind in (
            ("encrypted", "encrypted"),
            ("pseudonymised", "reversible"),
            ("proof_of_concept", "proof_of_concept"),
            ("test_environment", "test_environment"),
        ):
            held = [s for s in self._all(kind, family="marks") if not s.negated and not s.past]
            if held:
                facts.append(self._fact(fact, True, held[-1]))
        return facts

    def _data(self, actor: Actor) -> list[Fact]:
        excluded = _Exclusion(self.scenes).read()
        health = self._health()
        if excluded.value and not excluded.contradicted:
            return [self._fact(excluded.fact, True, excluded.seen)]
        if excluded.doubted and not [h for h in health if h.exceptional]:
            return [self._fact("in_doubt", excluded.fact, excluded.seen)]
        facts = []
        if excluded.seen is not None and excluded.contradicted:
            facts.append(self._fact(excluded.fact, False, excluded.contradicted))
        return facts + self._health_facts(actor, health, excluded.contradicted)

    def _health(self) -> list[Seen]:
        """Mentions of health data that hold."""
        return [s for s in self._mentions() if s.holds and not s.future] or [
            s for s in self._mentions() if s.holds
        ]

    def _mentions(self) -> list[Seen]:
        found = []
        for scene in self.scenes:
            for seen in scene.seen:
                if _is_health(seen) or (seen.kind == "person" and _with_data_noun(scene, seen)):
                    found.append(seen)
        return found

    def _health_facts(self, actor: Actor, health: list[Seen], contradicted: Seen | None) -> list[Fact]:
        if health and actor.kind != "provider":
            best = min(health, key=lambda s: (-s.turn if s.exceptional else 0, _specificity(s)))
            facts = [self._fact("health_data", True, best)]
            kind = _kind(best)
            return [*facts, self._fact("health_data_kind", kind, best)] if kind else facts
        if health:
            return [self._fact("health_data_kind", _kind(min(health, key=_specificity)), health[0])]
        if contradicted:
            return [self._fact("health_data", True, contradicted)]
        return self._no_health(actor)

    def _no_health(self, actor: Actor) -> list[Fact]:
        """Denied outright, or plain from what is handled instead."""
        denied = [s for s in self._all("health_generic", family="marks") if s.negated and not s.unsure]
        kinds = {s.kind for s in self._mentions() if s.denied}
        plain = [s for s in self._all(*PLAIN, family="plain_data") if s.holds]
        decoys = [s for scene in self.scenes for s in scene.family("decoys")]
        trades = [s for scene in self.scenes for s in scene.family("activities") if not s.negated]
        unsure = any(s.unsure for s in self._mentions()) or any(
            c.kind == "uncertainty" for scene in self.scenes for c in scene.cues
        )
        inherent = actor.kind in {"establishment", "publisher", "practice"}
        if denied and not unsure and actor.kind not in {"practice", "provider"}:
            return [self._fact("health_data", False, denied[-1])]
        if len(kinds) >= (1 if plain else 3) and kinds and not unsure and not inherent and actor.kind != "provider":
            return [self._fact("health_data", False, [s for s in self._mentions() if s.denied][-1])]
        shown = plain or decoys
        if shown and not unsure and not inherent and actor.kind not in {"provider", "startup", "organisation"}:
            return [self._fact("health_data", False, shown[-1], "inherent")]
        if trades and shown and not unsure and not inherent and actor.kind != "provider":
            return [self._fact("health_data", False, shown[-1], "inherent")]
        return []

    # -- practice and provider ------------------------------------------------------------

    def _practice(self) -> list[Fact]:
        facts = []
        for fact, kind in (
            ("stores_records", "practice_records"),
            ("uses_software", "practice_software"),
            ("exchanges_data", "practice_exchange"),
            ("teleconsults", "practice_teleconsultation"),
        ):
            told = [s for s in self._condition(kind) if not s.unsure]
            if told:
                facts.append(self._fact(fact, self._told(told), told[-1]))
        return facts

    def _condition(self, kind: str) -> list[Seen]:
        found = self._all(kind, family="marks")
        if kind == "practice_records":
            found += [s for s in self._mentions() if s.kind in RECORD_KINDS | {"person"}]
        if kind == "practice_software":
            found += self._all("medical_software", "patient_records_software", family="health_products")
        if kind == "practice_teleconsultation":
            found += self._all("telemedicine", family="health_products")
        return sorted(found, key=lambda s: (s.turn, s.mention.first))

    def _told(self, told: Sequence[Seen]) -> bool:
        """The last turn that speaks of it decides; within a turn, one yes is a yes."""
        last = [s for s in told if s.turn == told[-1].turn]
        return any(s.holds for s in last)

    def _provider(self, found: Iterable[Fact]) -> list[Fact]:
        hands = self._all("access", family="marks")
        health = [s for s in self._mentions() if not s.unsure]
        generic = self._all("health_generic", family="marks")
        denied = [s for s in [*hands, *health, *generic] if s.denied]
        held = [s for s in [*health, *generic] if s.holds]
        if any(f.id == "in_doubt" for f in found):
            return []
        if any(s.unsure for s in [*hands, *generic, *self._mentions()]) and not held:
            return []
        if held:
            return [self._fact("provider_access", True, held[-1])]
        if denied:
            return [self._fact("provider_access", False, denied[-1])]
        return []

    # -- help -----------------------------------------------------------------------------

    def _all(self, *kinds: str, family: str | None = None) -> list[Seen]:
        return [s for scene in self.scenes for s in scene.of(*kinds, family=family)]

    def _fact(self, fact: str, value: FactValue, seen: Seen | None, method: Method = "lexicon") -> Fact:
        return Fact(fact, value, self._evidence(seen) if seen else None, method)

    def _evidence(self, seen: Seen) -> Evidence:
        scene = next(s for s in self.scenes if s.turn == seen.turn)
        start, end = scene.tokens[seen.mention.first].start, scene.tokens[seen.mention.last].end
        return Evidence(seen.turn, start, end, scene.text[start:end])


PLAIN = ("commerce", "finance", "hr_plain", "property", "web", "technical", "education", "leisure", "contact")


@dataclass(frozen=True, slots=True)
class _Excluded:
    fact: str = ""
    value: bool = False
    doubted: bool = False
    seen: Seen | None = None
    contradicted: Seen | None = None


@dataclass(frozen=True, slots=True)
class _Exclusion:
    """Is all the data excluded? The latest turn that says so, or says otherwise, decides."""

    scenes: tuple[Scene, ...]

    def read(self) -> _Excluded:
        """The exclusion claimed, whether it stands, and what stands against it."""
        claims = [c for scene in self.scenes for c in _claims(scene)]
        against = [s for scene in self.scenes for s in _against(scene)]
        if not claims:
            return _Excluded(contradicted=_counts(against))
        fact, seen = claims[-1]
        later = [s for s in against if s.turn >= seen.turn]
        standing = [c for c in claims if c[1].holds and not c[1].partial]
        if later:
            return _Excluded(fact, seen=seen, contradicted=later[-1])
        if seen.unsure:
            return _Excluded(fact, doubted=True, seen=seen)
        if standing:
            return _Excluded(standing[-1][0], value=True, seen=standing[-1][1])
        return _Excluded(fact, seen=seen, contradicted=seen if seen.negated or seen.partial else None)


def _counts(against: Sequence[Seen]) -> Seen | None:
    return next((s for s in against if s.kind in {"copy_of_production"}), None)


def _claims(scene: Scene) -> list[tuple[str, Seen]]:
    """(exclusion, mention) pairs in order."""
    found: list[tuple[str, Seen]] = []
    for seen in scene.family("marks"):
        if seen.kind in {"anonymised", "statistical", "simulated"}:
            found.append((seen.kind, seen))
        elif seen.kind == "test_environment":
            found.append(("simulated", _doubted(scene, seen)))
        elif seen.concept == "no_storage" or (seen.concept == "no_personal" and seen.negated):
            found.append(("no_personal_data", _affirmed(seen)))
        elif seen.kind == "real" and seen.negated:
            found.append(("simulated" if seen.concept == "real_word" else "anonymised", _affirmed(seen)))
    return [c for c in found if c[1] is not None]


def _affirmed(seen: Seen) -> Seen:
    """« aucune donnée personnelle »: the denial is the claim."""
    from dataclasses import replace

    return replace(seen, negated=False)


def _doubted(scene: Scene, seen: Seen) -> Seen:
    from dataclasses import replace

    return replace(seen, unsure=True)


def _against(scene: Scene) -> list[Seen]:
    """Real people, a way back, an exception: what no exclusion survives."""
    found = []
    for seen in scene.seen:
        if not seen.holds or seen.future:
            continue
        if seen.kind in {"real", "copy_of_production", "reversible"} and seen.family == "marks":
            found.append(seen)
        elif seen.exceptional and _is_health(seen):
            found.append(seen)
    return found


def _is_health(seen: Seen) -> bool:
    if seen.family == "health_data":
        return seen.kind != "person"
    return (seen.family, seen.kind) in {
        ("health_products", "wearable"),
        ("health_products", "medical_device_connected"),
        ("marks", "health_generic"),
    }


def _with_data_noun(scene: Scene, seen: Seen) -> bool:
    near = range(max(0, seen.mention.first - 5), min(len(scene.tokens), seen.mention.last + 6))
    return any(scene.tokens[i].fold in DATA_NOUNS and scene.tokens[i].sentence == seen.sentence for i in near)


def _kind(seen: Seen) -> str | None:
    if seen.family == "health_data":
        return "records" if seen.kind == "person" else seen.kind
    return "physiological" if seen.family == "health_products" else None


def _specificity(seen: Seen) -> int:
    kind = _kind(seen)
    return SPECIFIC_FIRST.index(kind) if kind in SPECIFIC_FIRST else len(SPECIFIC_FIRST)
