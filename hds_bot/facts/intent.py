"""What the speaker wants: a verdict on a situation, information that the guidance gives, or another thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from hds_bot.facts.context import Scene, Seen
from hds_bot.facts.text import Token, word_set

Intent = Literal["verdict", "information", "other"]

WH = word_set(
    "quel quelle quels quelles combien comment pourquoi quand lequel laquelle lesquels qui ou que qu' quoi "
    "what which who whom whose how why when where"
)
WH_LEAD = 6
IMPERATIVE = word_set(
    "citez cite liste listez donne donnez enumerez enumere rappelle rappelez explique expliquez ecris "
    "ecrivez dis dites raconte traduis traduisez list name give tell write explain spell quote describe "
    "remind show print translate recommend book define oublie ignore"
)
SITUATION = word_set(
    "establishments professions health_products health_data organisations providers activities plain_data"
)
ALWAYS_OTHER = frozenset(
    {"medical_advice", "booking", "small_talk", "general_knowledge", "technical_how_to", "careers"}
)


@dataclass(frozen=True, slots=True)
class Ask:
    """What one sentence asks for, if anything, with the token that shows it."""

    intent: Intent | None
    token: int
    strong: bool


def intent_of(scene: Scene, *, earlier: Intent | None) -> Ask:
    """Find the turn's wish; a verdict asked for anywhere in it wins over the rest."""
    asks = _asks(scene)
    if scene.of("not_a_verdict"):
        return Ask("information", 0, strong=True)
    for wanted in ("verdict", "other", "information"):
        found = [a for a in asks if a.intent == wanted and a.strong]
        if found:
            return found[-1]
    found = [a for a in asks if a.intent]
    if found:
        return found[-1]
    return _silent(scene, earlier)


def _asks(scene: Scene) -> list[Ask]:
    """What each sentence asks for."""
    first, asks, seen = 0, [], defaultdict(list)
    for s in scene.seen:
        seen[s.sentence].append(s)
    for number, same in groupby(scene.tokens, key=lambda token: token.sentence):
        tokens = list(same)
        asks.append(_sentence(tokens, first, seen[number]))
        first += len(tokens)
    return asks


def _sentence(tokens: Sequence[Token], first: int, here: Sequence[Seen]) -> Ask:
    """What a sentence of these tokens, the first of them at `first`, and these mentions asks for."""
    kinds = {s.kind for s in here}
    families = {s.family for s in here}
    names_hds = bool(kinds & {"hds", "hds_or_not"})
    verdict = kinds & {"obligation", "faut", "concern", "exempt", "hds_or_not", "verdict"} or any(
        s.family == "intents" and s.kind == "verdict" for s in here
    )
    information = any(s.family == "intents" and s.kind == "information" for s in here)
    off_topic = [s for s in here if s.family == "off_topic"]
    asks = tokens[-1].text == "?" or _imperative(tokens)
    led = _wh_led(tokens)
    if off_topic and asks and (led or not names_hds or {s.kind for s in off_topic} & ALWAYS_OTHER):
        return Ask("other", off_topic[0].mention.first, strong=True)
    if information and (led or _imperative(tokens) or not verdict):
        return Ask("information", first, strong=asks or led)
    if verdict and (names_hds or asks) and not (led and not names_hds):
        return Ask("verdict", first, strong=True)
    if names_hds:
        return Ask("information" if led else "verdict", first, strong=not led)
    if off_topic and not families & SITUATION:
        return Ask("other", off_topic[0].mention.first, strong=False)
    if led and asks:
        return Ask("information" if families & SITUATION else "other", first, strong=False)
    return Ask(None, first, strong=False)


def _wh_led(tokens: Sequence[Token]) -> bool:
    """Look for a question word near the head of the sentence, or of its last clause."""
    words = [t.fold for t in tokens if t.is_word]
    return any(w in WH and w not in {"ou", "que", "qu'", "qui"} for w in words[:WH_LEAD])


def _imperative(tokens: Sequence[Token]) -> bool:
    words = [t.fold for t in tokens if t.is_word][:4]
    return any(w in IMPERATIVE for w in words)


def _silent(scene: Scene, earlier: Intent | None) -> Ask:
    """No wish spoken: an answer to what was asked before, or a bare situation."""
    situated = any(s.family in SITUATION or s.family == "marks" for s in scene.seen)
    if earlier == "other" and situated:
        return Ask("verdict", 0, strong=True)
    if earlier:
        return Ask(earlier, 0, strong=False)
    return Ask("verdict" if situated else "other", 0, strong=False)
