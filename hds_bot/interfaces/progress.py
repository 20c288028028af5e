"""Progress bars on standard error, drawn only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

_Item = TypeVar("_Item")
_STAGES = {
    "read": "Reading documents",
    "encode": "Encoding passages",
    "prepare": "Preparing the encoder",
    "ask": "Asking on both sides",
}


def bar(items: Iterable[_Item], label: str, *, total: int | None = None) -> Iterable[_Item]:
    """Give the same items, with a bar that follows them."""
    followed: Iterable[_Item] = tqdm(items, label, total, unit=" questions", file=sys.stderr, disable=None)
    return followed


class StagedBar:
    """One bar after another, a stage each, for a build."""

    def __init__(self) -> None:
        self._stage = ""
        self._drawn = tqdm(disable=True)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Draw that `done` of `total` are done in a stage."""
        if stage != self._stage:
            self._drawn.close()
            self._stage = stage
            self._drawn = tqdm(desc=_STAGES[stage], total=total, file=sys.stderr, disable=None)
        self._drawn.update(done - self._drawn.n)

    def __enter__(self) -> StagedBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._drawn.close()
