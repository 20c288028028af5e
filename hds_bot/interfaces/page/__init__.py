"""The chat page: asks the core once a question, shows what it answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from hds_bot.bot import HdsBot
from hds_bot.errors import HdsBotError
from hds_bot.interfaces.page import chat, guide, header, lists, refusal, sidebar, starting, state
from hds_bot.interfaces.page.markup import label
from hds_bot.interfaces.page.wording import Words, words

_HERE = Path(__file__).parent
_STYLE = f"<style>{(_HERE / 'style.css').read_text('utf-8')}</style>"


def run() -> None:
    """Show the page once, as Streamlit does at each click."""
    say = words(state.language())
    st.set_page_config(say("app.title"), _HERE / "icon.svg", "centered", sidebar.WIDTH)
    st.html(_STYLE)
    header.tell_script(say)
    try:
        bot = starting.open_bot(say)
        sidebar.show(bot.settings, say)
        st.navigation(_pages(bot, say), position="top").run()
    except HdsBotError as error:
        refusal.show(say("error.start"), error, say)


def _pages(bot: HdsBot, say: Words) -> list[st.Page]:
    shown = (("chat", chat.show, ""), ("guide", guide.show, "guide"), ("lists", lists.show, "list"))
    return [
        st.Page(partial(show, bot), title=label(say(f"nav.{name}")), url_path=path, default=not path)
        for name, show, path in shown
    ]
