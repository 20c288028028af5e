"""Passages of an index that differs from an earlier one in some documents: the others are taken over."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, overload

import numpy as np

from hds_bot.index.rows import Entry
from hds_bot.types import FloatArray, Passage

if TYPE_CHECKING:
    from hds_bot.index.reader import Index

Part = Entry | tuple[Passage, ...]


class Revision(Sequence[Passage]):
    """Passages in the order of their documents; those that are taken over are only read when asked for.

    A part is the passages of a document: itself, or its entry in `earlier`, which has it as it is.
    """

    def __init__(self, earlier: Index, parts: Sequence[Part]) -> None:
        self.earlier = earlier
        self.parts = tuple(part for part in parts if size(part))
        self._ends = list(accumulate(map(size, self.parts)))
        self._by_document = {
            part.id if isinstance(part, Entry) else part[0].document: part for part in self.parts
        }

    @property
    def new(self) -> Iterator[Passage]:
        """Every passage that is not taken over."""
        return (passage for part in self.parts if not isinstance(part, Entry) for passage in part)

    def rows(self, known: Mapping[str, FloatArray]) -> FloatArray:
        """One vector a passage: where it is taken over its own, else the one known of its indexed text."""
        taken = self.earlier.rows(range(self.earlier.manifest.passages))
        blocks = [
            taken[part.first : part.after]
            if isinstance(part, Entry)
            else np.array([known[passage.indexed_text] for passage in part], dtype=np.float32)
            for part in self.parts
        ]
        return np.concatenate([*blocks, taken[:0]])

    def part_of(self, document: str) -> Part:
        """Give the part of a document; an empty one where it has no passage."""
        return self._by_document.get(document, ())

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """Give the passages of a document, in order."""
        return self._passages(self.part_of(document))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Passage]:
        for part in self.parts:
            yield from self._passages(part)

    @overload
    def __getitem__(self, at: int) -> Passage: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Passage]: ...
    def __getitem__(self, at: int | slice) -> Passage | Sequence[Passage]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        place = range(len(self))[at]
        nth = bisect_right(self._ends, place)
        return self._passages(self.parts[nth])[place - self._ends[nth]]

    def _passages(self, part: Part) -> tuple[Passage, ...]:
        return self.earlier.passages_of(part.id) if isinstance(part, Entry) else part


def size(part: Part) -> int:
    """Count the passages of a part."""
    return part.after - part.first if isinstance(part, Entry) else len(part)
