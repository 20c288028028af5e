"""Why a list, or a line of one, was refused, in the page's language: errors themselves are in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from hds_bot.interfaces.page.wording import Words, words

_STEP = "\n  → "
_LINE = re.compile(r"line \d+: ")


def told(error: str, say: Words) -> tuple[str, bool]:
    """Give an error's text in the language of the words, and whether there are such words for it.

    The number of its line is left out; where there are none, the English text is given as it is.
    """
    what, *steps = _LINE.sub("", error, count=1).split(_STEP)
    spoken = [_spoken(part, say) for part in (what, *steps)]
    if not spoken[0]:
        return " → ".join((what, *steps)), False
    return " → ".join(filter(None, spoken)), True


def _spoken(message: str, say: Words) -> str:
    """Say a message that a template of the English words fits; else ""."""
    for name, form in _forms():
        if found := form.fullmatch(message):
            parts = {part: _spoken(text, say) or text for part, text in found.groupdict().items()}
            return say(f"reason.{name}", **parts)
    return ""


@cache
def _forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (name, re.compile("".join(_form(text)))) for name, text in words("en").under("reason").items()
    )


def _form(template: str) -> Iterator[str]:
    for number, part in enumerate(re.split(r"\{(\w+)\}", template)):
        yield f"(?P<{part}>.+)" if number % 2 else re.escape(part)
