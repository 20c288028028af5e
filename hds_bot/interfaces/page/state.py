"""What a session keeps between two runs: conversation (also in the address), language, answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from hds_bot.bot import MAX_TURNS
from hds_bot.errors import InputError
from hds_bot.interfaces.page import address, privacy
from hds_bot.interfaces.page.conversation import Conversation
from hds_bot.interfaces.page.core import Answers
from hds_bot.interfaces.page.wording import LANGUAGES, words
from hds_bot.types import FactValue, Language

_LANGUAGE = "lang"
Query = Mapping[str, Sequence[str]]


# -- what is kept -------------------------------------------------------------------------


def conversation() -> Conversation:
    """Give the conversation of this session."""
    kept: Conversation = st.session_state.setdefault("conversation", Conversation())
    return kept


def answers() -> Answers:
    """Give the answers that this session already has."""
    kept: Answers = st.session_state.setdefault("answers", Answers())
    return kept


def language(guessed: Language | None = None) -> Language:
    """Give the language chosen by hand, else the guessed one, else the last one guessed."""
    if guessed:
        st.session_state.guessed = guessed
    spoken: Language = chosen() or st.session_state.get("guessed", "fr")
    return spoken


def chosen() -> Language | None:
    """Give the language chosen by hand."""
    language: Language | None = st.session_state.get("language")
    return language


def shareable() -> Conversation:
    """Give the conversation as links and exports hold it: without personal data, unless the user insists."""
    kept = conversation()
    return kept if st.session_state.get("insists") else kept.reworded(_masked)


def insists() -> bool:
    """Tell whether the user wants personal data in links and exports."""
    return bool(st.session_state.get("insists"))


def notice() -> str:
    """Give the key of the words for what could not be taken, from the address or from the user; else ""."""
    key: str = st.session_state.get("notice", "")
    return key


def earlier() -> bool:
    """Tell whether the answers further up are to be shown whatever that takes."""
    return bool(st.session_state.get("earlier"))


def edited() -> int | None:
    """Give the number of the step that is being edited."""
    number: int | None = st.session_state.get("edited")
    return number


# -- the address --------------------------------------------------------------------------


def arrive() -> None:
    """Take the conversation from the address, unless this session put it there."""
    given = {name: st.query_params.get_all(name) for name in st.query_params}
    written: Query = st.session_state.get("written", {})
    if given == written:
        return
    if not given and st.session_state.get("away"):
        # Another page was open, and its address has no conversation.
        _write()
        return
    _adopt(given)


def leave() -> None:
    """Remember that another page is open; its address may name a language."""
    st.session_state.away = True
    if not st.session_state.get("language"):
        st.session_state.language = _spoken(st.query_params.get_all(_LANGUAGE))


def _adopt(given: Query) -> None:
    st.session_state.written = given
    st.session_state.language = _spoken(given.get(_LANGUAGE, ()))
    st.session_state.earlier = False
    st.session_state.conversation, st.session_state.notice = _read(given)
    if notice() or shareable() != conversation():
        # What could not be read, and personal data, leave the address at once.
        _write()


def _read(given: Query) -> tuple[Conversation, str]:
    try:
        read, whole = address.from_query(given)
    except InputError:
        return Conversation(), "error.turns"
    if whole:
        return read, ""
    return read, "error.dropped" if read.steps else "error.address"


def _spoken(written: Sequence[str]) -> Language | None:
    return next((language for language in LANGUAGES if language in written), None)


def _write() -> None:
    kept = shareable()
    query = address.to_query(kept) if address.fits(kept) else {}
    if language := chosen():
        query = {**query, _LANGUAGE: [language]}
    st.session_state.away = False
    st.session_state.written = query
    st.query_params.from_dict(query)


# -- what the user does -------------------------------------------------------------------


def say_turn(text: str) -> None:
    """Add what the user wrote."""
    _add(lambda before: before.said(text))


def answer(fact: str, value: FactValue) -> None:
    """Add the answer to a missing fact."""
    _add(lambda before: before.answered(fact, value))


def correct_from(fact: str, widget: str) -> None:
    """Set a fact to what a widget now holds."""
    value: FactValue = st.session_state[widget]
    _change(lambda before: before.corrected(fact, value))


def forget(fact: str) -> None:
    """Take back what was set by hand."""
    _change(lambda before: before.forgotten(fact))


def edit(number: int | None) -> None:
    """Open a step to be edited, or none."""
    st.session_state.edited = number


def edit_from(number: int, widget: str) -> None:
    """Replace the words of a step by what a widget now holds; blank words change nothing."""
    text: str = st.session_state[widget].strip()
    if text:
        _change(lambda before: before.edited(number, text))


def remove(number: int) -> None:
    """Leave a step out."""
    _change(lambda before: before.removed(number))


def mask() -> None:
    """Take personal data out of the conversation itself."""
    _change(lambda before: before.reworded(_masked))


def insist_from(widget: str) -> None:
    """Keep personal data in links and exports, or leave them out, as a widget now says."""
    st.session_state.insists = st.session_state[widget]
    _write()


def rates() -> bool:
    """Tell whether ratings are to be kept."""
    return bool(st.session_state.get("rating"))


def rate_from(widget: str) -> None:
    """Keep ratings, or keep none, as a widget now says."""
    st.session_state.rating = st.session_state[widget]


def start_anew() -> None:
    """Begin another situation."""
    st.session_state.insists = st.session_state.earlier = False
    _change(lambda _: Conversation())


def show_earlier() -> None:
    """Show the answers further up too."""
    st.session_state.earlier = True


def speak(language: Language) -> None:
    """Speak a language whatever the question's."""
    st.session_state.language = language
    if not st.session_state.get("away"):
        _write()


def _add(change: Callable[[Conversation], Conversation]) -> None:
    """Add a step, unless a link could no longer bring it back."""
    if len(conversation().steps) < MAX_TURNS:
        _change(change)
    else:
        st.session_state.notice = "error.turns"


def _change(change: Callable[[Conversation], Conversation]) -> None:
    st.session_state.conversation = change(conversation())
    st.session_state.edited = None
    st.session_state.notice = ""
    _write()


def _masked(text: str) -> str:
    return privacy.mask(text, words(language()).under("private"))
