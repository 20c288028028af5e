"""Meaning where words run out: small heads over the encoder's states and the structure already read.

Trained by `benchmarks/train_heads.py` on labelled questions of our own; the weights are data (`heads.npz`) and
belong to one encoder: with another there are no heads, and words alone decide. What a head may change of the
facts is said in `tempering.py`: never an exclusion on its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from zipfile import BadZipFile

import numpy as np

from hds_bot.errors import RulesError
from hds_bot.facts.context import Scene
from hds_bot.facts.intent import structure
from hds_bot.types import Fact, FloatArray

TOPICS = 3
SHOUTED = 0.6
"""Share of capitals from which a text is shouted."""
BRIEF = 10
"""Words up to which a plain wish for a verdict is taken at its word."""
SURE_OF_ANOTHER_WISH = 0.7
"""From here, meaning overrules words that plainly ask for a verdict."""
Read = Callable[[Sequence[str]], tuple[FloatArray, tuple[FloatArray, ...]]]
"""Texts to query vectors (n, dimension) and states, (tokens, width) each: `ReadingEncoder.read_queries`."""


@dataclass(frozen=True, slots=True)
class Sense:
    """What the encoder makes of a conversation, beside the heads; says nothing where either is missing."""

    heads: Heads | None
    vector: FloatArray | None = None
    last: FloatArray | None = None
    whole: FloatArray | None = None

    @classmethod
    def of(cls, turns: Sequence[str], since: int, read: Read | None, encoder: str) -> Sense:
        """Read the last turn and what the conversation is about since `since`, each text once."""
        if read is None:
            return cls(None)
        texts = [_calm(turns[-1]), _calm("\n".join(turns[since:]))]
        distinct = list(dict.fromkeys(texts))
        vectors, states = read(distinct)
        last, whole = (distinct.index(text) for text in texts)
        heads = load_heads()
        heads = heads if heads and heads.encoder == encoder else None
        return cls(heads, vectors[whole], states[last], states[whole])

    def intent(self, scene: Scene, turns: int, request: Fact) -> Fact:
        """The request as meaning has it; the words' own where they agree, plainly ask, or there is no head."""
        if self.heads is None or self.last is None or self.whole is None:
            return request
        pooled = np.concatenate([self.last.mean(0), self.whole.mean(0)])
        odds = self.heads.intent.odds(pooled, structure(scene, turns))
        best = max(odds, key=lambda name: (odds[name], name))
        asked = request.value == "verdict" and request.evidence is not None
        brief = scene.words <= BRIEF and not scene.of("information", family="intents")
        needed = 1.0 if brief else SURE_OF_ANOTHER_WISH
        if best == request.value or (asked and odds[best] < needed):
            return request
        return Fact("request", best, None, "semantic")

    def verdicts(self) -> dict[str, float] | None:
        """`oui`, `non`, `a_preciser` -> probability, where there is a head."""
        if self.heads is None or self.whole is None:
            return None
        return self.heads.verdict.odds(self.whole)

    def topics(self) -> tuple[str, ...]:
        """Parts of the guidance that the conversation is about, the likeliest first; none without a head."""
        if self.heads is None or self.last is None or self.whole is None:
            return ()
        odds = self.heads.topic.odds(np.concatenate([self.last.mean(0), self.whole.mean(0)]), {})
        return tuple(sorted(odds, key=lambda name: (-odds[name], name))[:TOPICS])

    def reasons(self) -> dict[str, float] | None:
        """Reason (`non:anonymised`, `a_preciser:practice`…) -> probability, where there is a head."""
        if self.heads is None or self.whole is None:
            return None
        return self.heads.reason.odds(self.whole.mean(0), {})


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A multinomial logistic regression: softmax(weights @ x + bias)."""

    classes: tuple[str, ...]
    features: tuple[str, ...]
    """Names of the structural inputs, which follow the states."""
    weights: FloatArray
    bias: FloatArray

    def odds(self, states: FloatArray, inputs: Mapping[str, float]) -> dict[str, float]:
        """Class -> probability."""
        named = [inputs.get(name, 0.0) for name in self.features]
        return _softmax(self.classes, self.weights @ np.concatenate([states, named]) + self.bias)


@dataclass(frozen=True, slots=True)
class AttentiveHead:
    """Attention pooling: a few learnt queries look for the words that decide, then a linear layer."""

    classes: tuple[str, ...]
    mean: FloatArray
    scale: FloatArray
    project: FloatArray
    project_bias: FloatArray
    query: FloatArray
    query_bias: FloatArray
    weights: FloatArray
    bias: FloatArray

    def odds(self, states: FloatArray) -> dict[str, float]:
        """Class -> probability, for the (tokens, width) states of a text."""
        x = (states - self.mean) / self.scale
        looks = x @ self.query.T + self.query_bias
        looks = np.exp(looks - looks.max(0))
        pooled = (looks / looks.sum(0)).T @ np.tanh(x @ self.project.T + self.project_bias)
        inputs = np.concatenate([2 * pooled.ravel(), x.mean(0)])
        return _softmax(self.classes, self.weights @ inputs + self.bias)


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads trained for one encoder."""

    encoder: str
    intent: LinearHead
    reason: LinearHead
    topic: LinearHead
    verdict: AttentiveHead


@cache
def load_heads() -> Heads | None:
    """The package's heads; None where none were trained. RulesError where they can't be read."""
    source = files("hds_bot.facts") / "heads.npz"
    if not source.is_file():
        return None
    try:
        with source.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _heads({name: arrays[name] for name in arrays.files})
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise RulesError(
            f"the trained heads can't be read ({error})",
            where="hds_bot/facts/heads.npz",
            next_step="train them again: uv run python benchmarks/train_heads.py",
        ) from error


def _heads(arrays: Mapping[str, Any]) -> Heads:
    about = json.loads(str(arrays["about"]))
    linear = {
        name: LinearHead(
            tuple(about[name]["classes"]),
            tuple(about[name]["features"]),
            arrays[f"{name}.weights"],
            arrays[f"{name}.bias"],
        )
        for name in ("intent", "reason", "topic")
    }
    parts = {n.removeprefix("verdict."): a for n, a in arrays.items() if n.startswith("verdict.")}
    verdict = AttentiveHead(tuple(about["verdict"]["classes"]), **parts)
    return Heads(about["encoder"], linear["intent"], linear["reason"], linear["topic"], verdict)


def _calm(text: str) -> str:
    """Shouted text in lower case: the encoder has seen little of the other."""
    letters = [c for c in text if c.isalpha()]
    return text.lower() if sum(c.isupper() for c in letters) > SHOUTED * len(letters) else text


def _softmax(classes: Sequence[str], logits: FloatArray) -> dict[str, float]:
    odds = np.exp(logits - logits.max())
    return {name: float(p) for name, p in zip(classes, odds / odds.sum(), strict=True)}
