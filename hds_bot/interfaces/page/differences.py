"""What the last comparison of index and documents found: documents, rules' sentences, answers that turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from hds_bot.bot import Settings, last_diff
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import words as answer_words
from hds_bot.types import Verdict

_MOST = 100
"""Lines shown."""
Found = Mapping[str, Any]


def show(settings: Settings, say: Words) -> None:
    """Show the last comparison, where there was one."""
    found = last_diff(settings)
    if found is None:
        return
    lines = list(told(found, say)) or [say("diff.nothing")]
    with st.expander(say("diff.title")):
        st.html(tag("ul", *(tag("li", line) for line in lines[:_MOST])))


def told(found: Found, say: Words) -> Iterator[str]:
    """Tell a comparison, given as JSON values, one change a line."""
    yield from (_document(change, say) for change in found.get("documents", ()))
    yield from (_quote(change, say) for change in found.get("quotes", ()))
    yield from (_anchor(change, say) for change in found.get("anchors", ()))
    yield from (_answer(change, say) for change in found.get("answers", ()))


def _document(change: Found, say: Words) -> str:
    counts = {name: len(change[name]) for name in ("added", "removed", "reworded")}
    return say(f"diff.{change['kind']}", title=change["title"], **counts)


def _quote(change: Found, say: Words) -> str:
    return say(f"diff.{change['kind']}", rule=change["rule"], **_wordings(change, say))


def _anchor(change: Found, say: Words) -> str:
    return say("diff.anchor", topic=change["rule"], **_wordings(change, say))


def _wordings(change: Found, say: Words) -> dict[str, str]:
    quoted = answer_words(say.language).quoted
    return {
        "quote": quoted(change["quote"]),
        "nearest": quoted(change["wording"]) if change["wording"] else "—",
    }


def _answer(change: Found, say: Words) -> str:
    verdicts = answer_words(say.language).verdict
    before, after = (verdicts[Verdict(change[f"verdict_{side}"])] for side in ("before", "after"))
    kind = "answer" if before != after else "to_review" if change["to_review"] else "recited"
    return say(f"diff.{kind}", question=change["question"], before=before, after=after)
