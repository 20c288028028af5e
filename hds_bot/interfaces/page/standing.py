"""How the index stands, in detail: what it holds, what the last rebuild did, what it would change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import streamlit as st

from hds_bot.bot import BuildReport, IndexState, Settings, index_state
from hds_bot.errors import HdsBotError
from hds_bot.interfaces.page import differences, rebuild, refusal
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words


def show(settings: Settings, say: Words) -> None:
    """Show how the index stands, what the last rebuild asked for here did, and the last comparison."""
    st.html(tag("h2", say("index.title"), id="index"))
    found, outcome = index_state(settings), rebuild.of(settings).outcome
    lines = [*told(found, say), *_built(found, say)]
    if isinstance(outcome, HdsBotError):
        refusal.show(say("index.failed"), outcome, say)
    elif outcome:
        lines += _report(outcome, say)
    st.html(tag("ul", *(tag("li", line) for line in lines)))
    differences.show(settings, say)


def told(found: IndexState, say: Words) -> Iterator[str]:
    """Tell how an index stands and what it holds, a sentence each."""
    yield say(f"index.{found.condition}")
    if found.changed:
        yield say("index.changed", parts=", ".join(say(f"changed.{part}") for part in found.changed))
    if manifest := found.manifest:
        yield say("index.holds", documents=manifest.documents, passages=manifest.passages)


def _built(found: IndexState, say: Words) -> Iterator[str]:
    if manifest := found.manifest:
        built = datetime.fromisoformat(manifest.created).astimezone()
        yield say("index.built", date=f"{built:%Y-%m-%d %H:%M}", encoder=manifest.encoder)


def _report(report: BuildReport, say: Words) -> Iterator[str]:
    yield say("index.encoded", count=report.encoded)
    yield from (say("index.left_out", path=path, reason=reason) for path, reason in report.left_out)
    for lost in report.lost:
        yield say("index.lost", rule=lost.rule, quote=lost.quote)
