"""The rebuild that the page asks for: in a thread of its own, so that whoever asked goes on meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cache

from hds_bot.bot import BuildReport, Settings, build_index
from hds_bot.errors import HdsBotError


@dataclass(frozen=True, slots=True)
class Step:
    """How far a build is: `done` of `total` in a stage."""

    stage: str
    done: int
    total: int


class Rebuild:
    """The rebuilding of one index: one at a time in this process, followed by everyone who looks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.step: Step | None = None
        """Where it is; None before there is anything to do."""
        self.outcome: BuildReport | HdsBotError | None = None
        """What the last one did, or why it failed; None where there was none, and while one is under way."""
        self.ended = 0.0
        """When that was, by the monotonic clock."""

    @property
    def running(self) -> bool:
        """Tell whether a build is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a build, unless one is under way."""
        with self._starting:
            if not self.running:
                self.step = self.outcome = None
                self._thread = threading.Thread(target=self._build, daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of a build; False where it takes longer."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.running

    def _build(self) -> None:
        try:
            self.outcome = build_index(self._settings, force=True, progress=self._follow)
        except HdsBotError as error:
            self.outcome = error
        self.ended = time.monotonic()

    def _follow(self, stage: str, done: int, total: int) -> None:
        self.step = Step(stage, done, total)


@cache
def of(settings: Settings) -> Rebuild:
    """Give the one that rebuilds this index, whichever session asks."""
    return Rebuild(settings)
