"""A warning before the answer, where the question holds personal data."""

from __future__ import annotations

import streamlit as st

from hds_bot.interfaces.page import privacy, state
from hds_bot.interfaces.page.conversation import Conversation
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words


def show(conversation: Conversation, say: Words) -> None:
    """Name the kinds of personal data that were found, and offer to take them out; nothing where none is."""
    kinds = dict.fromkeys(finding.kind for turn in conversation.turns for finding in privacy.find(turn))
    if not kinds:
        return
    named = ", ".join(say(f"private.{kind}") for kind in kinds)
    found = tag("strong", say("warning.found", kinds=named))
    with st.container(key="private", gap="xsmall"):
        st.html(tag("p", found, " ", say("warning.left_out"), role="alert"))
        with st.container(horizontal=True, vertical_alignment="center"):
            _choices(say)


def _choices(say: Words) -> None:
    st.button(say("warning.mask"), key="mask", on_click=state.mask)
    st.checkbox(
        say("warning.insist"),
        state.insists(),
        key="insist",
        on_change=state.insist_from,
        args=("insist",),
    )
