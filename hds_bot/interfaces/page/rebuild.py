"""The index's state in words, and a button that rebuilds it while others go on asking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import streamlit as st

from hds_bot.bot import BuildReport, IndexState, Settings, build_index, index_state
from hds_bot.errors import HdsBotError
from hds_bot.interfaces.page import differences, refusal, starting
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words


def show(settings: Settings, say: Words) -> None:
    """Show how the index stands; rebuild it on request and tell what that did."""
    st.html(tag("h2", say("index.title"), id="index"))
    found = index_state(settings)
    st.html(tag("ul", *(tag("li", line) for line in _state(found, say))))
    if st.button(say("index.rebuild"), key="rebuild"):
        _rebuild(settings, say)
    differences.show(settings, say)


def _rebuild(settings: Settings, say: Words) -> None:
    place = st.empty()
    try:
        report = build_index(settings, force=True, progress=starting.Bar(place.container(), say))
    except HdsBotError as error:
        refusal.show(say("index.failed"), error, say)
        return
    finally:
        place.empty()
    if report:
        lines = (tag("li", line) for line in _report(report, say))
        st.html(tag("div", tag("p", say("index.rebuilt")), tag("ul", *lines), role="status"))


def _state(found: IndexState, say: Words) -> Iterator[str]:
    yield say(f"index.{found.condition}")
    if found.changed:
        yield say("index.changed", parts=", ".join(say(f"changed.{part}") for part in found.changed))
    if manifest := found.manifest:
        yield say("index.holds", documents=manifest.documents, passages=manifest.passages)
        built = datetime.fromisoformat(manifest.created).astimezone()
        yield say("index.built", date=f"{built:%Y-%m-%d %H:%M}", encoder=manifest.encoder)


def _report(report: BuildReport, say: Words) -> Iterator[str]:
    yield say("index.holds", documents=report.manifest.documents, passages=report.manifest.passages)
    yield say("index.encoded", count=report.encoded)
    yield from (say("index.left_out", path=path, reason=reason) for path, reason in report.left_out)
    for lost in report.lost:
        yield say("index.lost", rule=lost.rule, quote=lost.quote)
