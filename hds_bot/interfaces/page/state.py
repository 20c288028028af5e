"""What a session keeps between two runs of the page: the conversation, the language, the answers asked."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from hds_bot.interfaces.page.conversation import Conversation
from hds_bot.interfaces.page.core import Answers
from hds_bot.types import FactValue, Language


def conversation() -> Conversation:
    """Give the conversation of this session."""
    kept: Conversation = st.session_state.setdefault("conversation", Conversation())
    return kept


def answers() -> Answers:
    """Give the answers that this session already has."""
    kept: Answers = st.session_state.setdefault("answers", Answers())
    return kept


def language(guessed: Language) -> Language:
    """Give the language chosen by hand, else the guessed one."""
    chosen: Language | None = st.session_state.get("language")
    return chosen or guessed


def say_turn(text: str) -> None:
    """Add what the user wrote."""
    _change(lambda before: before.said(text))


def answer(fact: str, value: FactValue) -> None:
    """Add the answer to a missing fact."""
    _change(lambda before: before.answered(fact, value))


def correct_from(fact: str, widget: str) -> None:
    """Set a fact to what a widget now holds."""
    value: FactValue = st.session_state[widget]
    _change(lambda before: before.corrected(fact, value))


def forget(fact: str) -> None:
    """Take back what was set by hand."""
    _change(lambda before: before.forgotten(fact))


def start_anew() -> None:
    """Begin another situation."""
    _change(lambda _: Conversation())


def _change(change: Callable[[Conversation], Conversation]) -> None:
    st.session_state.conversation = change(conversation())
