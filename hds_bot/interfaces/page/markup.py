"""HTML built from parts: what is made here is markup, all other text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_VOID = frozenset({"br", "hr"})


class Html(str):
    """Markup made by `tag` and `join`; any other string is text."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | bool) -> Html:
    """Make an element. `class_` and `aria_label` become class and aria-label; True is an empty attribute."""
    head = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (False, ""))
    return Html(f"<{name}{head}>" if name in _VOID else f"<{name}{head}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Html:
    """Put parts beside each other; text is escaped, its line ends kept."""
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children))


def text(content: str) -> Html:
    """Text as HTML that shows it as it is."""
    return Html(escape(content).replace("\n", "<br>"))


def label(content: str) -> str:
    """Text as a Streamlit label that shows it as it is: no Markdown, LaTeX, colour, icon or emoji code."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(content.split()))


def _attribute(key: str, value: str | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
