"""The first start: the index is built in front of the user, with a bar that follows."""

from __future__ import annotations

import streamlit as st

from hds_bot.bot import BuildProgress, HdsBot
from hds_bot.interfaces.page import core
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words

_SHARE = {"read": (0.0, 0.1), "encode": (0.1, 0.4), "prepare": (0.4, 1.0)}
"""Where a stage begins and ends on the bar."""


def open_bot(say: Words) -> HdsBot:
    """Give the bot; where it has to be opened first, show how that goes. Raises HdsBotError."""
    if core.is_open():
        return core.open_bot(_unseen)
    place = st.empty()
    with place.container(), st.spinner(say("first_start.opening")):
        building = st.container()
        bot = core.open_bot(lambda: Bar(building, say))
    place.empty()
    return bot


def reached(stage: str, done: int, total: int, say: Words) -> tuple[float, str]:
    """Give how far along the whole build that is, from 0 to 1, and in words."""
    begin, end = _SHARE[stage]
    told = say(f"first_start.{stage}", done=done, total=total)
    return begin + (end - begin) * done / max(total, 1), told


def _unseen() -> BuildProgress:
    return lambda _stage, _done, _total: None


class Bar:
    """One bar for all stages of a build."""

    def __init__(self, place: st.delta_generator.DeltaGenerator, say: Words) -> None:
        self._place, self._say = place, say
        self._bar: st.delta_generator.DeltaGenerator | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done in a stage; nothing before there is anything to do."""
        if self._bar is None:
            say = self._say
            self._place.html(
                tag("div", tag("h2", say("first_start.title")), tag("p", say("first_start.wait")))
            )
            self._bar = self._place.progress(0.0)
        self._bar.progress(*reached(stage, done, total, self._say))
