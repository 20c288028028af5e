"""The words of the guidance that each topic stands for: what is shown to who asks about a subject."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hds_bot import facts


@dataclass(frozen=True, slots=True)
class Anchor:
    """A topic of `facts/topics.toml`, and the words that it is anchored to."""

    topic: str
    document: str
    words: str


@cache
def anchors() -> tuple[Anchor, ...]:
    """Give every anchor, in the file's order."""
    data = tomllib.loads((files("hds_bot.facts") / "topics.toml").read_text(encoding="utf-8"))
    return tuple(Anchor(topic, *facts.anchor(topic)) for topic in data["anchors"])
