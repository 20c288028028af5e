"""The side bar of every page: how the index stands, and a button that rebuilds it with a bar that follows."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import streamlit as st

from hds_bot.bot import IndexState, Settings, index_state
from hds_bot.corpus import stamp
from hds_bot.errors import HdsBotError
from hds_bot.interfaces.page import rebuild, refusal, standing, starting
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.rebuild import Rebuild
from hds_bot.interfaces.page.wording import Words

WIDTH = 240
"""Pixels; on a phone it is closed until it is opened."""
_LOOK_EVERY = 5
"""Seconds for which one look at the corpus serves every session."""
_FOLLOW_EVERY = 0.5
"""Seconds between two looks at a build that is under way."""
_TOLD_FOR = 60
"""Seconds for which it is told that a build has ended."""
Stamp = frozenset[tuple[str, int, int]]


def show(settings: Settings, say: Words) -> None:
    """Show the side bar; it comes back by itself as long as a build is under way, without the page."""
    follow = _FOLLOW_EVERY if rebuild.of(settings).running else None
    with st.sidebar:
        st.fragment(_panel, run_every=follow)(settings, say, followed=follow is not None)


def _panel(settings: Settings, say: Words, *, followed: bool) -> None:
    job = rebuild.of(settings)
    if followed and not job.running:
        # The whole page once more: it stops coming back, and takes in the new index.
        st.rerun()
    st.html(tag("p", _told(settings, say), class_="hds-hint"))
    clicked = st.button(
        label(say("index.rebuild")),
        key="rebuild",
        type="tertiary",
        icon=":material/refresh:",
        disabled=job.running,
    )
    if clicked:
        st.session_state.followed = True
        job.start()
        st.rerun()
    _progress(job, say) if job.running else _outcome(job, say)


def _told(settings: Settings, say: Words) -> str:
    try:
        return "\n".join(standing.told(_state(settings), say))
    except HdsBotError:
        return say("index.unreadable")


def _progress(job: Rebuild, say: Words) -> None:
    st.session_state.followed = True
    step = job.step
    st.progress(*(starting.reached(step.stage, step.done, step.total, say) if step else (0.0, None)))


def _outcome(job: Rebuild, say: Words) -> None:
    """Tell whoever saw a build under way what became of it, for a while."""
    if not st.session_state.get("followed") or time.monotonic() - job.ended > _TOLD_FOR:
        return
    if isinstance(job.outcome, HdsBotError):
        refusal.show(say("index.failed"), job.outcome, say)
    elif job.outcome:
        st.html(tag("p", say("index.rebuilt"), role="status", class_="hds-hint"))


# -- read once for all sessions -----------------------------------------------------------


def _state(settings: Settings) -> IndexState:
    """Give the state of the generation in force, looked at anew where it or a file of the corpus changed."""
    moment = int(time.monotonic() / _LOOK_EVERY)
    return _looked(settings, settings.open_store().current(), _stamp(settings.corpus, moment))


@lru_cache(maxsize=8)
def _looked(settings: Settings, _generation: str | None, _stamp: Stamp) -> IndexState:
    return index_state(settings)


@lru_cache(maxsize=8)
def _stamp(folder: Path, _moment: int) -> Stamp:
    return stamp(folder)
