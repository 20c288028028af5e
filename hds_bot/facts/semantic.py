"""Meaning where words run out: a small reader over the encoder's states.

The reader is the encoder's upper layers, tuned by `benchmarks/train_reader.py` on labelled questions of our own to
tell what is asked, how the case stands, why, and which part of the guidance speaks of it. It is data
(`reader.onnx`) and belongs to one encoder: with another there is none, and words alone decide. What it may change
of the facts is said in `tempering.py`: never an exclusion on its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from hds_bot.errors import RulesError
from hds_bot.graphs import open_graph
from hds_bot.types import FloatArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

READER = "reader.onnx"
TOPICS = 3
SHOUTED = 0.6
"""Share of capitals from which a text is shouted."""
WISHES = {"sans_verdict": "information", "hors_perimetre": "other"}
"""What two of the reader's verdicts say of what is asked for; the other three are verdicts on a case."""
Read = Callable[[Sequence[str]], tuple[FloatArray, tuple[FloatArray, ...]]]
"""Texts to query vectors (n, dimension) and states, (tokens, width) each: `ReadingEncoder.read_queries`."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the reader makes of a conversation, as probabilities."""

    wishes: Mapping[str, float]
    """`verdict`, `information`, `other`."""
    verdicts: Mapping[str, float]
    """`oui`, `non`, `a_preciser`, given that a verdict is asked for."""
    reasons: Mapping[str, float]
    """Reason (`oui:establishment`, `non:anonymised`, `a_preciser:practice`…)."""
    topics: tuple[str, ...]
    """Parts of the guidance (`topics.toml`) that it is about, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Sense:
    """A conversation's query vector and meaning, each where there is something to tell it."""

    vector: FloatArray | None = None
    meaning: Meaning | None = None

    @classmethod
    def of(cls, turns: Sequence[str], since: int, read: Read | None, encoder: str) -> Sense:
        """Take the vector of what is spoken of since turn `since`, the meaning of the whole; read each text once."""
        if read is None:
            return cls()
        texts = list(dict.fromkeys(calm("\n".join(turns[start:])) for start in (since, 0)))
        vectors, states = read(texts)
        reader = load_reader()
        fitting = reader is not None and reader.encoder == encoder
        return cls(vectors[0], reader.read(states[-1]) if reader and fitting else None)


@dataclass(frozen=True, slots=True)
class Reader:
    """The trained reader, ready for any number of threads."""

    session: InferenceSession
    encoder: str
    """Identity of the encoder whose states it reads."""
    verdicts: tuple[str, ...]
    reasons: tuple[str, ...]
    topics: tuple[str, ...]

    def read(self, states: FloatArray) -> Meaning:
        """Read the (tokens, width) states of a conversation."""
        odds = [found[0] for found in self.session.run(["verdict", "reason", "topic"], {"states": states})]
        verdicts, reasons, topics = (
            dict(zip(names, map(float, values), strict=True))
            for names, values in zip((self.verdicts, self.reasons, self.topics), odds, strict=True)
        )
        asked = {name: p for name, p in verdicts.items() if name not in WISHES}
        total = sum(asked.values())
        return Meaning(
            {"verdict": total} | {wish: verdicts[name] for name, wish in WISHES.items()},
            {name: p / total for name, p in asked.items()},
            reasons,
            tuple(sorted(topics, key=lambda name: (-topics[name], name))[:TOPICS]),
        )


@cache
def load_reader() -> Reader | None:
    """The package's reader; None where there is none. RulesError where it can't be read."""
    source = files("hds_bot.facts") / READER
    if not source.is_file():
        return None
    try:
        session = open_graph(source.read_bytes())
        about = json.loads(session.get_modelmeta().custom_metadata_map["about"])
        names = (tuple(about[name]) for name in ("verdicts", "reasons", "topics"))
        return Reader(session, about["encoder"], *names)
    except Exception as error:
        raise RulesError(
            f"the trained reader can't be read ({error})",
            where=f"hds_bot/facts/{READER}",
            next_step="train it again: uv run python benchmarks/train_reader.py",
        ) from error


def calm(text: str) -> str:
    """Shouted text in lower case: the encoder has seen little of the other."""
    letters = [c for c in text if c.isalpha()]
    return text.lower() if sum(c.isupper() for c in letters) > SHOUTED * len(letters) else text
