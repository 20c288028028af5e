"""What comes in from outside, checked and cleaned once."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from hds_bot.errors import InputError

MAX_CHARACTERS = 20_000
"""Longest conversation, all turns together."""
MAX_TURNS = 50
"""Turns of a conversation that the doors for other programs, and a link to the page, take."""
_KEPT = "\n\t"
_SEARCH = "search for a few words, in French or English"
_ASK = "ask in a sentence, in French or English"


def clean_turns(turns: str | Sequence[str]) -> tuple[str, ...]:
    """Give turns in NFC, without control, bidirectional or other invisible characters.

    Raises InputError where there is no turn, where one is no text, blank, or without a letter, and where they
    are longer than MAX_CHARACTERS together.
    """
    given = list(turns) if isinstance(turns, Sequence) and not isinstance(turns, str) else [turns]
    if not given:
        raise InputError("there is no question", next_step=_ASK)
    _refuse_other_than_text(given)
    _refuse_too_long(given)
    return tuple(_checked(_clean(turn), f"turn {place}") for place, turn in enumerate(given, 1))


def clean_query(query: str) -> str:
    """Give what is searched for as `clean_turns` gives a turn, and refuse the same."""
    try:
        return clean_turns([query])[0]
    except InputError as error:
        where = error.where and "the query"
        raise InputError(
            error.what.replace("the question", "the query"), where=where, next_step=_SEARCH
        ) from None


def is_understood(turn: str) -> bool:
    """Tell whether at least half of the letters are Latin ones, as in French and English."""
    letters = [character for character in turn if character.isalpha()]
    return 2 * sum(map(_is_latin, letters)) >= len(letters)


def _refuse_other_than_text(turns: Sequence[object]) -> None:
    for place, turn in enumerate(turns, 1):
        if not isinstance(turn, str):
            raise InputError(
                f"is no text but {type(turn).__name__}",
                where=f"turn {place}",
                next_step="give each turn as text",
            )


def _refuse_too_long(turns: Sequence[str]) -> None:
    length = sum(map(len, turns))
    if length > MAX_CHARACTERS:
        raise InputError(
            f"the question has {length:,} characters; {MAX_CHARACTERS:,} are read at most",
            next_step="keep what describes the situation, leave out the rest",
        )


def _clean(turn: str) -> str:
    lines = unicodedata.normalize("NFC", turn).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(map(_shown, lines)).strip()


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return character if category not in ("Cc", "Cf") or character in _KEPT else ""


def _checked(turn: str, where: str) -> str:
    if not turn:
        raise InputError("is blank", where=where, next_step=_ASK)
    if not any(map(str.isalpha, turn)):
        raise InputError("has no words", where=where, next_step=_ASK)
    return turn


def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")
