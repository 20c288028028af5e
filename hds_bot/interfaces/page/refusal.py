"""What went wrong, in words first, then in detail."""

from __future__ import annotations

import streamlit as st

from hds_bot.errors import HdsBotError
from hds_bot.interfaces.page.markup import tag
from hds_bot.interfaces.page.wording import Words


def show(words_for_it: str, error: HdsBotError, say: Words) -> None:
    """Say what went wrong; the error's own message, which is in English, follows."""
    detail = tag("p", say("error.detail"), " ", tag("span", str(error), lang="en"), class_="hds-hint")
    st.html(tag("div", tag("p", words_for_it), detail, role="alert", class_="hds-refused"))
