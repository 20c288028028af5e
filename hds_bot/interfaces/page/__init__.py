"""The chat page: asks the core once a question, shows what it answers."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from hds_bot.errors import HdsBotError
from hds_bot.interfaces.page import chat, starting, state
from hds_bot.interfaces.page.wording import words

_HERE = Path(__file__).parent


def run() -> None:
    """Show the page once, as Streamlit does at each click."""
    say = words(state.language("fr"))
    st.set_page_config(page_title=say("app.title"), page_icon=_HERE / "icon.svg", layout="centered")
    st.html(_HERE / "style.css")
    try:
        bot = starting.open_bot(say)
    except HdsBotError as error:
        chat.refused(say("error.start"), error, say)
        return
    chat.show(bot)
