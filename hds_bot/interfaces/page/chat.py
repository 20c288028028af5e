"""The chat: an empty page that says what it is for, then questions and answers down to the last."""

from __future__ import annotations

import streamlit as st

from hds_bot import rules
from hds_bot.bot import MAX_CHARACTERS, HdsBot
from hds_bot.errors import HdsBotError, InputError
from hds_bot.interfaces.page import card, missing, state, understood
from hds_bot.interfaces.page.conversation import Conversation, Step
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.wording import Words, words
from hds_bot.types import Answer


def show(bot: HdsBot) -> None:
    """Show the conversation and the field for the next question."""
    conversation = state.conversation()
    try:
        answers, fault = state.answers().to(conversation, bot), None
    except InputError as error:
        answers, fault = [], error
    say = words(state.language(answers[-1].language if answers else "fr"))
    _heading(say, started=bool(conversation.steps))
    if fault:
        refused(say("error.question"), fault, say)
    elif answers:
        _history(conversation, answers, say)
    else:
        _welcome(say)
    if said := st.chat_input(say("app.ask"), max_chars=MAX_CHARACTERS, key="ask"):
        state.say_turn(said)
        st.rerun()


def refused(words_for_it: str, error: HdsBotError, say: Words) -> None:
    """Say in words what went wrong, then in detail."""
    detail = tag("p", say("error.detail"), " ", str(error), class_="hds-hint", lang="en")
    st.html(tag("div", tag("p", words_for_it), detail, role="alert", class_="hds-refused"))


def _heading(say: Words, *, started: bool) -> None:
    st.title(label(say("app.title")), anchor=False)
    if started:
        st.button(say("app.new"), key="new", icon=":material/add:", on_click=state.start_anew)
    else:
        st.html(tag("p", say("app.subtitle"), class_="hds-subtitle"))


def _welcome(say: Words) -> None:
    sections = (
        tag("section", tag("h2", say(f"empty.{part}_title")), tag("p", say(f"empty.{part}")))
        for part in ("answers", "not", "privacy")
    )
    st.html(tag("div", *sections, class_="hds-intro"))
    st.html(tag("h2", say("empty.examples"), class_="hds-part"))
    with st.container(key="examples"):
        for name, example in say.under("examples").items():
            _example(name, example)


def _example(name: str, example: str) -> None:
    st.button(
        label(example),
        key=f"example-{name}",
        type="tertiary",
        icon=":material/chat_bubble:",
        on_click=state.say_turn,
        args=(example,),
    )


def _history(conversation: Conversation, answers: list[Answer], say: Words) -> None:
    last = len(answers) - 1
    for number, (step, answer) in enumerate(zip(conversation.steps, answers, strict=True)):
        _turn(step, say)
        if number < last:
            st.html(card.summary_line(answer, say))
        else:
            _answer(answer, say)


def _turn(step: Step, say: Words) -> None:
    said = step.text or _told(step, say)
    st.html(tag("div", tag("h2", say("app.question"), class_="hds-out"), tag("p", said), class_="hds-turn"))


def _told(step: Step, say: Words) -> str:
    """Give the answer to a missing fact as the user might have said it."""
    return rules.label(rules.load_rules(), step.answered, step.facts[step.answered], say.language)


def _answer(answer: Answer, say: Words) -> None:
    with st.container(border=True, key="answer"):
        st.html(card.verdict(answer, say))
        missing.show(answer, say)
        understood.show(answer, say)
        st.html(card.folded(answer, say))
