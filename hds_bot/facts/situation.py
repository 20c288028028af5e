"""From what was seen in the turns to the facts of the rules, each with the words that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hds_bot.facts.actors import Actor, find_actor
from hds_bot.facts.context import Scene, Seen
from hds_bot.facts.exclusion import Exclusion, read_exclusion
from hds_bot.facts.health import DATA_NOUNS, denial, health_kind, health_mentions, specificity, standing
from hds_bot.facts.lexicon import Mention
from hds_bot.facts.tempering import Corroboration
from hds_bot.types import Evidence, Fact, FactValue, Method

RECORD_KINDS = frozenset(
    {
        "records",
        "imaging",
        "laboratory",
        "diagnosis",
        "prescription",
        "report",
        "follow_up",
        "care_admin",
        "person",
    }
)
PLAIN = ("commerce", "finance", "hr_plain", "property", "web", "technical", "education", "leisure", "contact")
MARKS = (
    ("encrypted", "encrypted"),
    ("pseudonymised", "reversible"),
    ("proof_of_concept", "proof_of_concept"),
    ("test_environment", "test_environment"),
)
CONDITIONS = (
    ("stores_records", "practice_records"),
    ("uses_software", "practice_software"),
    ("exchanges_data", "practice_exchange"),
    ("teleconsults", "practice_teleconsultation"),
)
EXCLUDING = frozenset(
    {
        "anonymised",
        "statistical",
        "simulated",
        "no_personal_data",
        "irreversible",
        "health_generic",
        "animal",
        "unreal",
    }
)
PRACTICE = frozenset(kind for _, kind in CONDITIONS)
BRIEF = 12
"""Words up to which a question, or the answer to one of ours, is taken at its word."""
WAY_BACK = ("copy_of_production", "reversible")
LIMITING = frozenset({"negation", "restriction", "elsewhere", "past"})
HANDLED = ("legal", "technical", "commerce")
"""Decoys that name what is handled; metaphors and idioms only hide words."""
EMPLOYERS = frozenset({"hr", "insurer", "mutual", "provident", "employer", "assistance"})
INHERENT = frozenset({"establishment", "publisher"})


@dataclass(frozen=True)
class Situation:
    """The scenes that matter, read together."""

    scenes: tuple[Scene, ...]

    @cached_property
    def actor(self) -> Actor:
        """The one whose duty is asked about."""
        return find_actor(self.scenes)

    @cached_property
    def exclusion(self) -> Exclusion:
        """Whether all the data is excluded."""
        return read_exclusion(self.scenes)

    @cached_property
    def mentions(self) -> list[Seen]:
        """Mentions of health data, whatever is said of them."""
        return health_mentions(self.scenes)

    def facts(self) -> list[Fact]:
        """Every fact that the words show, in a fixed order."""
        actor, exclusion = self.actor, self.exclusion
        found = [*self._actor(actor), *self._marks(), *self._exclusion(exclusion)]
        if exclusion.stands or exclusion.doubted:
            return found
        if actor.kind == "provider":
            return found + self._provider()
        found += self._data(actor, exclusion)
        if actor.kind == "practice":
            found += self._practice()
        return found

    def corroboration(self) -> Corroboration:
        """What the words say for or against an exclusion, whether or not it suffices for a fact."""
        exclusion = self.exclusion
        return Corroboration(
            worded=self._worded_exclusion(),
            silent=not any(s.holds for s in self.mentions),
            limited=self._limit(),
            protected=bool(exclusion.defeated) or self._protected(),
            firm=bool(
                exclusion.stands
                and any(s.holds for s in self._all("thorough", "irreversible", family="marks"))
            ),
            brief=self.scenes[-1].words <= BRIEF,
        )

    def _protected(self) -> bool:
        """Tell whether a way back, an exception, encryption, or what binds a practice is named."""
        way_back = [s for s in self._all(*WAY_BACK, family="marks") if s.holds]
        bound = self.actor.kind == "practice" and any(f.value for f in self._practice())
        excepted = any(s.exceptional and s.holds for s in self.mentions)
        return (
            bool(way_back and self.mentions) or excepted or bound or self._encrypted() or self._taken_back()
        )

    def _taken_back(self) -> bool:
        """Tell whether a denial of access or of health data is followed by what is left of it."""
        return any(
            cue.kind in {"exception", "restriction"} and cue.first > s.mention.last
            for scene in self.scenes
            for s in scene.seen
            if s.denied and (s.kind == "access" or s.family == "health_data")
            for cue in scene.cues
            if scene.tokens[cue.first].sentence == s.sentence
        )

    def _worded_exclusion(self) -> Fact | None:
        """The words that speak of excluded data, of none, of no access, or of another trade."""
        shown = [
            s
            for scene in self.scenes
            for s in scene.seen
            if (s.family == "marks" and s.kind in EXCLUDING and not s.unsure)
            or s.family in {"plain_data", "activities"}
            or (s.family == "decoys" and s.kind in HANDLED)
            or (s.denied and (s.kind == "access" or s.family == "health_data" or s.kind in PRACTICE))
        ]
        return self._fact("excluded", True, shown[-1]) if shown else None

    def _limit(self) -> Fact | None:
        """The words that deny something, keep to something, or correct what was said."""
        for scene in reversed(self.scenes):
            cues = [cue for cue in scene.cues if cue.kind in LIMITING]
            cues += [s.mention for s in scene.of("switch") if s.concept == "correction"]
            if cues:
                return Fact("limited", True, _shown(scene, max(cues, key=lambda cue: cue.first)))
        return None

    # -- who, and what is said of the data ------------------------------------------------

    def _actor(self, actor: Actor) -> list[Fact]:
        if actor.seen is None:
            return []
        facts = [self._fact("actor", actor.kind, actor.seen, "inherent")]
        if actor.detail:
            facts.append(self._fact(*actor.detail, actor.seen, "inherent"))
        return facts

    def _marks(self) -> list[Fact]:
        """Facts that never decide, but choose the quote."""
        facts = []
        for fact, kind in MARKS:
            held = [s for s in self._all(kind, family="marks") if not s.negated and not s.past]
            if held:
                facts.append(self._fact(fact, True, held[-1]))
        return facts

    def _exclusion(self, exclusion: Exclusion) -> list[Fact]:
        if exclusion.stands:
            return [self._fact(exclusion.fact, True, exclusion.stands)]
        if exclusion.doubted:
            return [self._fact("in_doubt", exclusion.fact, exclusion.doubted)]
        if exclusion.defeated and exclusion.fact:
            return [self._fact(exclusion.fact, False, exclusion.defeated)]
        return []

    # -- health data ----------------------------------------------------------------------

    def _data(self, actor: Actor, exclusion: Exclusion) -> list[Fact]:
        held = standing(self.scenes)
        if held:
            best = min(held, key=lambda s: (not s.exceptional, specificity(s), -s.turn))
            facts = [self._fact("health_data", True, best)]
            kind = health_kind(best)
            return [*facts, self._fact("health_data_kind", kind, best)] if kind else facts
        if exclusion.defeated and exclusion.fact and (self.mentions or actor.kind in INHERENT | {"practice"}):
            return [self._fact("health_data", True, exclusion.defeated)]
        shown = self._no_health(actor)
        return [self._fact("health_data", False, shown, "lexicon")] if shown else []

    def _no_health(self, actor: Actor) -> Seen | None:
        """Denied outright, or plain from what is handled instead; doubt anywhere forbids it."""
        mentions = self.mentions
        if self._doubted(mentions) or self._encrypted() or actor.kind == "practice":
            return None
        denied = [s for s in mentions if s.denied]
        general = [s for s in [denial(self.scenes)] if s]
        plain = [s for s in self._all(*PLAIN, family="plain_data") if s.holds]
        if actor.kind in INHERENT:
            return general[-1] if general and plain else None
        if general:
            return general[-1]
        if len({s.kind for s in denied}) >= (1 if plain else 3):
            return denied[-1]
        return self._plainly_other(actor, plain)

    def _plainly_other(self, actor: Actor, plain: Sequence[Seen]) -> Seen | None:
        """A bakery's order book: the activity, or what is handled, leaves no room for health data."""
        tempting = self._all(*HANDLED, family="decoys")
        trades = [s for scene in self.scenes for s in scene.family("activities") if not s.negated]
        limited = any(c.kind == "restriction" for scene in self.scenes for c in scene.cues)
        detail = actor.detail[1] if actor.detail else ""
        if actor.kind == "startup" and not (tempting or (plain and trades)):
            return None
        if detail in EMPLOYERS and not (limited and (plain or trades)):
            return None
        handled = [*trades, *tempting] if self._names_data() else tempting
        return next(iter([*plain[::-1], *handled]), None)

    def _names_data(self) -> bool:
        return any(t.fold in DATA_NOUNS for scene in self.scenes for t in scene.tokens)

    def _doubted(self, mentions: Sequence[Seen]) -> bool:
        unsure = any(c.kind == "uncertainty" for scene in self.scenes for c in scene.cues)
        return unsure or any(s.unsure for s in mentions)

    def _encrypted(self) -> bool:
        return any(s.holds for s in self._all("encrypted", family="marks"))

    # -- practice and provider ------------------------------------------------------------

    def _practice(self) -> list[Fact]:
        facts = []
        for fact, kind in CONDITIONS:
            told = [s for s in self._condition(kind) if not s.unsure]
            if told:
                last = [s for s in told if s.turn == told[-1].turn]
                held = [s for s in last if s.holds]
                facts.append(self._fact(fact, bool(held), (held or last)[-1]))
        return facts

    def _condition(self, kind: str) -> list[Seen]:
        found = self._all(kind, family="marks")
        if kind == "practice_records":
            found += [s for s in self.mentions if s.kind in RECORD_KINDS]
        if kind == "practice_software":
            found += self._all("medical_software", "patient_records_software", family="health_products")
        if kind == "practice_teleconsultation":
            found += self._all("telemedicine", family="health_products")
        return sorted(found, key=lambda s: (s.turn, s.mention.first))

    def _provider(self) -> list[Fact]:
        """Hands on identifiable data: held beats denied, doubt beats silence."""
        data = self.mentions
        hands = self._all("access", family="marks")
        strong = [s for s in hands if s.holds and s.concept == "access_strong"]
        held = standing(self.scenes)
        closed = [s for s in hands if s.denied and s.concept == "access_word"] + [s for s in data if s.denied]
        if held and (strong or not closed):
            kind = health_kind(held[-1])
            facts = [self._fact("provider_access", True, held[-1])]
            return [*facts, self._fact("health_data_kind", kind, held[-1])] if kind else facts
        if any(s.unsure for s in [*data, *hands]):
            return []
        if closed and not strong:
            return [self._fact("provider_access", False, closed[-1])]
        if strong and self._clients() and not all(s.asked for s in strong):
            return [self._fact("provider_access", True, strong[-1])]
        if closed:
            return [self._fact("provider_access", False, closed[-1])]
        return []

    def _clients(self) -> list[Seen]:
        """Establishments and practices among the clients."""
        return [s for scene in self.scenes for s in scene.family("establishments", "professions") if s.holds]

    # -- help -----------------------------------------------------------------------------

    def _all(self, *kinds: str, family: str | None = None) -> list[Seen]:
        return [s for scene in self.scenes for s in scene.of(*kinds, family=family)]

    def _fact(self, fact: str, value: FactValue, seen: Seen, method: Method = "lexicon") -> Fact:
        scene = next(s for s in self.scenes if s.turn == seen.turn)
        return Fact(fact, value, _shown(scene, seen.mention), method)


def _shown(scene: Scene, mention: Mention) -> Evidence:
    start, end = scene.tokens[mention.first].start, scene.tokens[mention.last].end
    return Evidence(scene.turn, start, end, scene.text[start:end])
