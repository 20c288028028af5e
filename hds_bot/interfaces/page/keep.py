"""Something to keep: the decision sheet, the whole conversation, and a rating where it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from hds_bot.bot import HdsBot
from hds_bot.interfaces.page import address, pdf, ratings, sheet, state
from hds_bot.interfaces.page.conversation import Conversation
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.sheet import Sheet
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import to_markdown
from hds_bot.render.markdown import escape
from hds_bot.types import Answer, Language


def show(bot: HdsBot, say: Words) -> None:
    """Show what can be downloaded; nothing is made before it is asked for."""
    conversation = state.shareable()

    def made() -> Sheet:
        return sheet.sheet(_answer(bot, conversation, say.language), say, _now())

    with st.expander(say("keep.title")):
        st.html(tag("p", say("keep.sheet")))
        with st.container(horizontal=True, gap="small", key="downloads"):
            _download("sheet.pdf", "application/pdf", lambda: pdf.to_pdf(made(), say.language), say)
            _download("sheet.md", "text/markdown", lambda: sheet.to_markdown(made()), say)
            _download(
                "sheet.json", "application/json", lambda: sheet.to_json(_answer(bot, conversation)), say
            )
            _download("conversation.md", "text/markdown", lambda: _conversation(bot, conversation, say), say)
        link = say("keep.link" if address.fits(conversation) else "keep.too_long")
        st.html(tag("p", link, class_="hds-hint"))
        ratings.show(lambda: _answer(bot, conversation), say)


def _download(name: str, mime: str, made: Callable[[], str | bytes], say: Words) -> None:
    what, _, suffix = name.partition(".")
    st.download_button(
        label(say(f"keep.{what}_{suffix}")),
        made,
        f"{say(f'file.{what}')}-{_now():%Y-%m-%d}.{suffix}",
        mime,
        key=f"download-{what}-{suffix}",
        on_click="ignore",
        icon=":material/download:",
    )


def _conversation(bot: HdsBot, conversation: Conversation, say: Words) -> str:
    untils = map(conversation.until, range(len(conversation.steps)))
    steps = (_answer(bot, until, say.language) for until in untils)
    told = (
        (step.text or say("keep.by_button"), answer)
        for step, answer in zip(conversation.steps, steps, strict=True)
    )
    return "\n---\n\n".join(f"# {escape(text)}\n\n{to_markdown(answer)}" for text, answer in told)


def _answer(bot: HdsBot, conversation: Conversation, language: Language | None = None) -> Answer:
    return bot.ask(conversation.turns, known_facts=conversation.known, language=language)


def _now() -> datetime:
    return datetime.now().astimezone()
