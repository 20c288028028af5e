"""Questions that the page can answer, to be clicked: a few to begin with, the nearest to one it can't."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import streamlit as st

from hds_bot.interfaces.page import state
from hds_bot.interfaces.page.markup import label, tag
from hds_bot.interfaces.page.wording import Words

EXAMPLES = ("practice", "startup", "provider", "encrypted", "employer", "exceptions")
_PROPOSED = 3


def to(question: str, say: Words) -> list[str]:
    """Give the names of the examples that share the most telling words with a question."""
    examples = {name: _words(example) for name, example in say.under("examples").items()}
    common = Counter(word for words in examples.values() for word in words)
    asked = _words(question)
    return sorted(examples, key=lambda name: -sum(1 / common[word] for word in asked & examples[name]))[
        :_PROPOSED
    ]


def _words(text: str) -> set[str]:
    """Give the beginnings of words: enough to tell them apart, whatever their ending."""
    return {word[:6] for word in re.findall(r"\w{4,}", text.casefold())}


def show(title: str, names: Iterable[str], say: Words) -> None:
    """Show examples by their names, each a button that asks it."""
    st.html(tag("h2", title, class_="hds-part"))
    with st.container(key="examples"):
        for name in names:
            _example(name, say.under("examples")[name])


def _example(name: str, example: str) -> None:
    st.button(
        label(example),
        key=f"example-{name}",
        type="tertiary",
        icon=":material/chat_bubble:",
        on_click=state.say_turn,
        args=(example,),
    )
