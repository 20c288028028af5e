"""What was understood, as chips that open to be corrected; the verdict follows at once."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten

import streamlit as st

from hds_bot import rules
from hds_bot.interfaces.page import state
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import words as answer_words
from hds_bot.types import Answer, Fact, FactValue

_LONGEST = 60
"""Characters of evidence on a chip; it holds them whole once open."""


def show(answer: Answer, say: Words) -> None:
    """Show a chip a fact, each with the words that showed it and a way to correct it."""
    facts = list(_about_the_situation(answer))
    if not facts:
        return
    st.html(tag("h3", say("understood.title"), class_="hds-part"))
    with st.container(horizontal=True, gap="small", key="chips"):
        for fact in facts:
            _chip(fact, say)
    st.html(tag("p", say("understood.hint"), class_="hds-hint"))


def _about_the_situation(answer: Answer) -> Iterator[Fact]:
    return (fact for fact in answer.facts if fact.id != "request")


def _chip(fact: Fact, say: Words) -> None:
    book, by_user = rules.load_rules(), fact.method == "user"
    said = rules.label(book, fact.id, fact.value, say.language)
    shown = f"{said} ({say('understood.by_user')})" if by_user else said + _quoted(fact, say)
    with st.popover(
        label(shown), key=f"fact-{fact.id}", icon=":material/edit:" if by_user else None, wrap=True
    ):
        st.html(tag("p", *_proof(fact, say)))
        _choices(fact, say)
        if by_user:
            st.button(say("understood.undo"), key=f"undo-{fact.id}", on_click=state.forget, args=(fact.id,))


def _quoted(fact: Fact, say: Words) -> str:
    if not fact.evidence:
        return ""
    words = shorten(fact.evidence.text, _LONGEST, placeholder=" …")
    return f" — {answer_words(say.language).quoted(words)}"


def _proof(fact: Fact, say: Words) -> Iterator[str]:
    yield tag("strong", rules.load_rules().facts[fact.id].question[say.language])
    if fact.evidence:
        yield tag("br")
        yield f"{say('understood.shown_by')} {answer_words(say.language).quoted(fact.evidence.text)}"
    if fact.method in ("inherent", "semantic"):
        yield tag("br")
        yield say(f"understood.{fact.method}")


def _choices(fact: Fact, say: Words) -> None:
    spec = rules.load_rules().facts[fact.id]
    options: list[FactValue] = [*spec.values.values(), None]
    names = {None: say("understood.unknown"), True: say("understood.yes"), False: say("understood.no")}

    def name(value: FactValue) -> str:
        return names[value] if isinstance(value, bool | None) else spec.labels[value][say.language]

    key = f"set-{fact.id}-{fact.value}"
    st.radio(
        say("understood.value"),
        options,
        index=options.index(fact.value),
        format_func=name,
        key=key,
        label_visibility="collapsed",
        on_change=state.correct_from,
        args=(fact.id, key),
    )
