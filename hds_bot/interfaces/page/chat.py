"""The chat: an empty page that says what it is for, then questions and answers down to the last."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from hds_bot import rules
from hds_bot.bot import MAX_CHARACTERS, MAX_TURNS, HdsBot
from hds_bot.errors import InputError
from hds_bot.interfaces.page import card, header, keep, missing, near, refusal, state, understood, warning
from hds_bot.interfaces.page.conversation import Conversation, Step
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.wording import Words, words
from hds_bot.types import Answer, Verdict

Given = list[Answer | InputError | None]
"""What each step was answered; None where it was not answered yet."""


def show(bot: HdsBot) -> None:
    """Show the conversation and the field for the next question."""
    state.arrive()
    conversation = state.conversation()
    answers = state.answers().to(conversation, bot, state.chosen(), earlier=state.earlier())
    say = _spoken(answers)
    header.show(say, started=bool(conversation.steps))
    if notice := state.notice():
        st.html(tag("p", say(notice, most=MAX_TURNS), role="alert", class_="hds-refused"))
    if conversation.steps:
        _history(conversation, answers, bot, say)
    else:
        _welcome(say)
    # No limit in the field: a browser would drop what is longer without a word.
    if said := st.chat_input(say("app.ask"), key="ask"):
        state.say_turn(said)
        st.rerun()


def _spoken(answers: Given) -> Words:
    """Give the words in the language of the last answer, unless another was chosen by hand."""
    before = state.language()
    guessed = (answer.language for answer in reversed(answers) if isinstance(answer, Answer))
    say = words(state.language(next(guessed, None)))
    if say.language != before:
        # What was shown before the answer was known is in the other language.
        st.rerun()
    return say


# -- nothing asked yet --------------------------------------------------------------------


def _welcome(say: Words) -> None:
    st.html(tag("p", say("app.subtitle"), class_="hds-subtitle"))
    sections = (
        tag("section", tag("h2", say(f"empty.{part}_title")), tag("p", say(f"empty.{part}")))
        for part in ("answers", "not", "privacy")
    )
    st.html(tag("div", *sections, class_="hds-intro"))
    near.show(say("empty.examples"), near.EXAMPLES, say)


# -- questions and answers ----------------------------------------------------------------


def _history(conversation: Conversation, answers: Given, bot: HdsBot, say: Words) -> None:
    last = len(answers) - 1
    if unanswered := answers.count(None):
        st.button(say("turn.earlier", count=unanswered), key="show-earlier", on_click=state.show_earlier)
    for number, (step, answer) in enumerate(zip(conversation.steps, answers, strict=True)):
        if number == last:
            warning.show(conversation, say)
        _turn(number, step, say)
        if isinstance(answer, InputError):
            refusal.show(_refusal(conversation, say), answer, say)
        elif answer is None:
            continue
        elif number < last:
            st.html(card.summary_line(answer, say))
        else:
            _answer(answer, bot, say)


def _refusal(conversation: Conversation, say: Words) -> str:
    count = sum(map(len, conversation.turns))
    if count > MAX_CHARACTERS:
        return say("error.long", count=count, most=MAX_CHARACTERS)
    return say("error.question")


def _turn(number: int, step: Step, say: Words) -> None:
    with st.container(key=f"turn-{number}", gap="xsmall"):
        if state.edited() == number:
            _form(number, step, say)
            return
        said = step.text or _told(step, say)
        st.html(
            tag("div", tag("h2", say("app.question"), class_="hds-out"), tag("p", said), class_="hds-turn")
        )
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            if step.text:
                _small(say("turn.edit"), f"edit-{number}", state.edit, number)
            _small(say("turn.remove"), f"remove-{number}", state.remove, number)


def _form(number: int, step: Step, say: Words) -> None:
    with st.form(f"form-{number}", border=False):
        key = f"edited-{number}"
        st.text_area(say("app.question"), step.text, key=key)
        with st.container(horizontal=True):
            st.form_submit_button(
                say("turn.save"), type="primary", on_click=state.edit_from, args=(number, key)
            )
            st.form_submit_button(say("turn.cancel"), on_click=state.edit, args=(None,))


def _small(name: str, key: str, do: Callable[[int], None], number: int) -> None:
    st.button(label(name), key=key, type="tertiary", on_click=do, args=(number,))


def _told(step: Step, say: Words) -> str:
    """Give the answer to a missing fact as the user might have said it."""
    return rules.label(rules.load_rules(), step.answered, step.facts[step.answered], say.language)


def _answer(answer: Answer, bot: HdsBot, say: Words) -> None:
    with st.container(border=True, key="answer"):
        st.html(card.verdict(answer, say))
        if answer.verdict == Verdict.HORS_PERIMETRE:
            near.show(say("near.title"), near.to(answer.question, say), say)
            return
        missing.show(answer, say)
        understood.show(answer, say)
        st.html(card.folded(answer, say))
        keep.show(bot, say)
