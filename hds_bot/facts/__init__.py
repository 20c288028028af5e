"""From the user's turns to facts, each with the words that show it.

Structure before patterns: concepts of the lexicon (`lexicon/*.toml`) are found whatever their form, then each
is read in its surroundings (denied, doubted, past, somebody else's), and only then do they make facts.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hds_bot.facts.context import Scene, read_turn
from hds_bot.facts.intent import Ask, Intent, intent_of
from hds_bot.facts.language import guess_language
from hds_bot.facts.lexicon import load_lexicon
from hds_bot.facts.semantic import READER, Read, Sense
from hds_bot.facts.situation import Situation
from hds_bot.facts.tempering import temper, wish
from hds_bot.types import Evidence, Fact, FactValue, FloatArray, Language

__all__ = ["Reading", "anchor", "extract", "fingerprint"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a conversation says, ready for the rules and for retrieval."""

    language: Language
    facts: tuple[Fact, ...]
    expansion: tuple[str, ...]
    """Words of the guidance's language to widen the search."""
    relevant: str
    """The text to search with."""
    topics: tuple[str, ...] = ()
    """Parts of the guidance that it is about (`topics.toml`), the likeliest first."""
    vector: FloatArray | None = None
    """Its query vector (dimension,), where an encoder was given."""


def extract(
    turns: Sequence[str],
    *,
    known: Mapping[str, FactValue] | None = None,
    read: Read | None = None,
    encoder: str = "",
) -> Reading:
    """Read a conversation, oldest turn first. What the user set by hand (`known`) wins.

    `read` gives vectors and states of texts (`ReadingEncoder.read_queries`); with it, and a reader trained for that
    `encoder`, meaning is heard beside the words. Without it, words alone decide.
    """
    language, lexicon = guess_language(turns), load_lexicon()
    scenes = [read_turn(number, turn, lexicon, guess_language([turn])) for number, turn in enumerate(turns)]
    request, since = _request(scenes)
    sense = Sense.of(turns, since, read, encoder)
    if sense.meaning:
        request = wish(request, sense.meaning.wishes)
    found = [request]
    if request.value == "verdict":
        found += _situation(tuple(scenes[since:]), sense)
    return Reading(
        language,
        _with_known(found, known or {}),
        _expansion(scenes[since:]),
        "\n".join(turns[since:]),
        sense.meaning.topics if sense.meaning else (),
        sense.vector,
    )


def anchor(topic: str) -> tuple[str, str]:
    """Document and words of the guidance that a topic stands for. KeyError for another name."""
    document, anchors = _anchors()
    return document, anchors[topic]


@cache
def _anchors() -> tuple[str, Mapping[str, str]]:
    data = tomllib.loads((files("hds_bot.facts") / "topics.toml").read_text(encoding="utf-8"))
    return data["document"], data["anchors"]


@cache
def fingerprint() -> str:
    """SHA-256 over the lexicon's files and the trained reader: part of an answer's provenance."""
    digest = hashlib.sha256()
    here = files("hds_bot.facts")
    for entry in sorted(
        [*(here / "lexicon").iterdir(), here / READER, here / "topics.toml"], key=lambda e: e.name
    ):
        digest.update(entry.name.encode() + b"\0" + entry.read_bytes() + b"\0")
    return digest.hexdigest()


def _situation(scenes: tuple[Scene, ...], sense: Sense) -> list[Fact]:
    situation = Situation(scenes)
    found = situation.facts()
    if sense.meaning is None:
        return found
    return temper(found, sense.meaning.verdicts, sense.meaning.reasons, situation.corroboration())


def _request(scenes: Sequence[Scene]) -> tuple[Fact, int]:
    """The last turn's wish, and the turn from which the conversation is about it."""
    earlier: Intent | None = None
    since = 0
    ask = Ask("other", 0, strong=False)
    for number, scene in enumerate(scenes):
        ask = intent_of(scene, earlier=earlier)
        if earlier and (ask.intent != earlier or scene.of("switch")) and ask.strong:
            since = number
        earlier = ask.intent
    return _request_fact(scenes[-1], earlier or "other", ask), since


def _request_fact(scene: Scene, intent: Intent, ask: Ask) -> Fact:
    if not scene.tokens or not ask.strong:
        return Fact("request", intent)
    token = scene.tokens[ask.token]
    return Fact("request", intent, Evidence(scene.turn, token.start, token.end, token.text))


def _with_known(facts: Sequence[Fact], known: Mapping[str, FactValue]) -> tuple[Fact, ...]:
    kept = [f for f in facts if f.id not in known]
    return (*kept, *(Fact(name, value, None, "user") for name, value in known.items()))


def _expansion(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """French terms of the concepts met: an English or everyday word finds the guidance's own."""
    lexicon = load_lexicon()
    words = [
        term
        for scene in scenes
        for seen in scene.family("health_data", "establishments", "professions", "health_products")
        for term in lexicon.spellings(seen.mention.concept.name, "fr")[:2]
    ]
    return tuple(dict.fromkeys(words))
