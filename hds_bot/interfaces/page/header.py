"""What stands above every page: its title, the other language; and the words that the script needs."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from hds_bot.interfaces.page import state
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.wording import LANGUAGES, Words, words

_SCRIPT = f"<script>{Path(__file__).with_name('page.js').read_text('utf-8')}</script>"


def show(say: Words, title: str = "", *, started: bool = False) -> None:
    """Show the title of a page, a button for the other language, and one for a new situation."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header"):
        st.title(label(title or say("app.title")), anchor=False)
        if started:
            st.button(say("app.new"), key="new", icon=":material/add:", on_click=state.start_anew)
        for other in set(LANGUAGES) - {say.language}:
            name = words(other)("app.language")
            st.button(name, key="speak", type="tertiary", on_click=state.speak, args=(other,))


def tell_script(say: Words) -> None:
    """Give the script the language and the words for what Streamlit says in English only."""
    chrome = {words("en")(f"chrome.{name}"): spoken for name, spoken in say.under("chrome").items()}
    st.html(tag("span", id="hds-page", data_language=say.language, data_words=json.dumps(chrome)))
    st.html(_SCRIPT, unsafe_allow_javascript=True)
