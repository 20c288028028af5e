"""Meaning where words run out: small linear heads over the encoder's vectors and the structure already read.

Trained by `benchmarks/train_heads.py` on labelled questions of our own; the weights are data (`heads.json`) and
belong to one encoder: with another, there are no heads and words alone decide. A head can ask, or say that
health data are meant; it can never exclude any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from hds_bot.errors import RulesError
from hds_bot.facts.context import Scene
from hds_bot.facts.intent import structure
from hds_bot.types import Fact, FloatArray


Read = Callable[[Sequence[str]], tuple[FloatArray, FloatArray]]
"""Texts to query vectors (n, dimension) and states (n, any width): `ReadingEncoder.read_queries`."""


@dataclass(frozen=True, slots=True)
class Sense:
    """What the encoder makes of a conversation, beside the heads; says nothing where either is missing."""

    heads: Heads | None
    last: FloatArray | None = None
    whole: FloatArray | None = None
    vector: FloatArray | None = None

    @classmethod
    def of(cls, turns: Sequence[str], since: int, read: Read | None, encoder: str) -> Sense:
        """Encode the last turn, what it is about, and what is searched with, each text once."""
        if read is None:
            return cls(None)
        texts = [turns[-1], "\n".join(turns[since:])]
        distinct = list(dict.fromkeys(texts))
        vectors, states = read(distinct)
        last, whole = (distinct.index(text) for text in texts)
        heads = load_heads()
        return cls(heads if heads and heads.encoder == encoder else None, states[last], states[whole], vectors[whole])

    def intent(self, scene: Scene, turns: int, request: Fact) -> Fact:
        """The request as meaning has it; the words' own where they agree or there is no head."""
        if self.heads is None or self.last is None or self.whole is None:
            return request
        odds = self.heads.by_name["intent"].probabilities(
            np.concatenate([self.last, self.whole]), structure(scene, turns)
        )
        best = max(odds, key=lambda name: (odds[name], name))
        return request if best == request.value else Fact("request", best, None, "semantic")

    def reasons(self) -> dict[str, float] | None:
        """Reason -> probability, where there is a head."""
        if self.heads is None or self.whole is None:
            return None
        return self.heads.by_name["reason"].probabilities(self.whole, {})


@dataclass(frozen=True, slots=True)
class Head:
    """A multinomial logistic regression: softmax(weights @ x + bias)."""

    classes: tuple[str, ...]
    features: tuple[str, ...]
    """Names of the structural inputs, which follow the vectors."""
    weights: FloatArray
    bias: FloatArray

    def probabilities(self, vectors: FloatArray, structure: Mapping[str, float]) -> dict[str, float]:
        """Class -> probability, for vectors laid end to end and named structural inputs."""
        inputs = np.concatenate([vectors.ravel(), [structure.get(name, 0.0) for name in self.features]])
        logits = self.weights @ inputs + self.bias
        odds = np.exp(logits - logits.max())
        return {name: float(p) for name, p in zip(self.classes, odds / odds.sum(), strict=True)}


@dataclass(frozen=True, slots=True)
class Heads:
    """All heads trained for one encoder."""

    encoder: str
    by_name: Mapping[str, Head]


@cache
def load_heads() -> Heads | None:
    """The package's heads; None where none were trained."""
    source = files("hds_bot.facts") / "heads.json"
    if not source.is_file():
        return None
    try:
        data = json.loads(source.read_text(encoding="utf-8"))
        return Heads(data["encoder"], {name: _head(raw) for name, raw in data["heads"].items()})
    except (ValueError, KeyError, TypeError) as error:
        raise RulesError(
            f"the trained heads can't be read ({error})",
            where="hds_bot/facts/heads.json",
            next_step="train them again: uv run python benchmarks/train_heads.py",
        ) from error


def _head(raw: Mapping[str, object]) -> Head:
    return Head(
        tuple(raw["classes"]),  # type: ignore[arg-type]
        tuple(raw["features"]),  # type: ignore[arg-type]
        np.asarray(raw["weights"], dtype=np.float32),
        np.asarray(raw["bias"], dtype=np.float32),
    )
