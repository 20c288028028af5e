"""What is still missing, as questions with a button an answer that says where it leads."""

from __future__ import annotations

import streamlit as st

from hds_bot.interfaces.page import state
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import words as answer_words
from hds_bot.types import Answer, Option, Verdict


def show(answer: Answer, say: Words) -> None:
    """Show each missing fact as a question; a click continues the conversation."""
    if answer.missing:
        st.html(tag("h3", say("missing.title"), class_="hds-part"))
    for missing in answer.missing:
        with st.container(key=f"missing-{missing.fact}", gap="small"):
            st.html(tag("p", missing.question))
            with st.container(horizontal=True, gap="small"):
                for option in missing.options:
                    _button(missing.fact, option, say)


def _button(fact: str, option: Option, say: Words) -> None:
    verdict = answer_words(say.language).verdict[option.verdict]
    where = say("missing.more") if option.verdict == Verdict.A_PRECISER else verdict
    st.button(
        label(say("missing.leads_to", label=option.label, verdict=where)),
        key=f"answer-{fact}-{option.value}",
        on_click=state.answer,
        args=(fact, option.value),
        wrap=True,
    )
