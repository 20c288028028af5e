"""One spelling of white space, letters and line ends, so that every offset points into what is shown."""

from __future__ import annotations

import re
import unicodedata

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
# Bullets of the Symbol and Wingdings fonts, which word processors leave in the private use area.
_PRIVATE_BULLETS = dict.fromkeys("\uf0b7\uf0a7\uf0d8\uf0fc\uf076", "•")
_BLANKS = {"\n": "\n", "\t": "    ", **dict.fromkeys("\r\v\f\x85\u2028\u2029", "\n")}
# Control, format (soft hyphen, zero width, direction), surrogate and private characters: nothing to show.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
_MAX_INDENT = 16


class _Spelling(dict[int, str]):
    """A translation table that works out each character once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        self[code] = " " if category == "Zs" else "" if category in _UNSEEN else character
        return self[code]


_SPELLING = _Spelling({ord(key): value for key, value in (_LIGATURES | _PRIVATE_BULLETS | _BLANKS).items()})


def clean(text: str) -> str:
    """Text in NFC with plain spaces and line feeds, ligatures spelled out and unseen characters gone."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_SPELLING))


def clean_line(text: str) -> str:
    """`clean`, on one line, with single spaces."""
    return " ".join(clean(text).split())


def clean_block(text: str) -> str:
    """`clean`, with single spaces inside lines, their indent kept, and at most one blank line in a row."""
    lines = "\n".join(map(_tidy, clean(text).split("\n")))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def _tidy(line: str) -> str:
    words = line.split()
    indent = min(len(line) - len(line.lstrip()), _MAX_INDENT)
    return " " * indent + " ".join(words) if words else ""
