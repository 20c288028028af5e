"""Meaning where words run out: small linear heads over the encoder's vectors and the structure already read.

Trained by `benchmarks/train_heads.py` on labelled questions of our own; the weights are data (`heads.json`) and
belong to one encoder: with another, there are no heads and words alone decide. A head can ask, or say that
health data are meant; it can never exclude any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from hds_bot.errors import RulesError
from hds_bot.types import FloatArray


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
