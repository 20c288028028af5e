"""What things of one index are called in the database."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

BUILDING = 0
"""The number that stands for the build lock, among the generations' own from 1."""


@dataclass(frozen=True, slots=True)
class Names:
    """An index lies in the schema `root`, each generation in one of its own beside it."""

    root: str = "hds_bot"

    @property
    def generations(self) -> str:
        """The table of generations."""
        return f"{self.root}.generations"

    @property
    def current(self) -> str:
        """The table of one row that says which generation is in force."""
        return f"{self.root}.current"

    def schema(self, number: int) -> str:
        """Give the schema of a generation."""
        return f"{self.root}_{number}"

    def hold(self, number: int) -> tuple[int, int]:
        """Give the advisory lock that readers of a generation share; of `BUILDING`, that a build has alone."""
        return zlib.crc32(self.root.encode()) - (1 << 31), number
