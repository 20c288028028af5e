"""The corpus looked at again and again: something is done each time it changed and then held still."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from hds_bot.bot.settings import Settings
from hds_bot.corpus import stamp
from hds_bot.errors import CorpusError, HdsBotError, IndexBusy

_LEAST = 0.05
_PER_LOOK = 20
"""Time between two looks, in looks: a large folder is looked at less often."""


def watch(
    build: Callable[[], None],
    settings: Settings,
    *,
    settle: float = 2.0,
    tell: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Build at once, then after each change of the corpus once it holds still for `settle` seconds.

    A build that fails is told, and tried again with the next change; one that finds another under way, until
    that one ends.
    """
    stop = stop or threading.Event()
    done = None
    for seen in _settled(settings, settle, stop):
        if seen != done and _built(build, tell):
            done = seen


def _settled(settings: Settings, settle: float, stop: threading.Event) -> Iterator[object]:
    """Give the corpus's stamp each time it is found as it was `settle` seconds ago."""
    seen, since = _look(settings), time.monotonic() - settle
    while not stop.is_set():
        begun = time.monotonic()
        if (now := _look(settings)) != seen:
            seen, since = now, begun
        if begun - since >= settle:
            yield seen
        stop.wait(min(settle, max(_LEAST, settle / 4, _PER_LOOK * (time.monotonic() - begun))))


def _look(settings: Settings) -> object:
    try:
        return stamp(settings.corpus)
    except CorpusError as error:
        return str(error)


def _built(build: Callable[[], None], tell: Callable[[str], None]) -> bool:
    try:
        build()
    except IndexBusy:
        return False
    except HdsBotError as error:
        tell(str(error))
    return True
