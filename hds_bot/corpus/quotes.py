"""Whether a quote is in a document word for word, and where."""

from __future__ import annotations

import re
import unicodedata

from hds_bot.corpus.normalising import clean

_APOSTROPHES = "'’‘ʼ′`´"
_QUOTES = '"“”«»„″'
_KINDS = str.maketrans({**dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_QUOTES, '"')})


def fold(text: str) -> str:
    """Make white space and the kinds of apostrophe and quotation mark alike, for comparing quotes."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_KINDS).split())


def find_quote(document_text: str, quote: str) -> tuple[int, int] | None:
    """Find where a normalised text first says the quote, up to `fold`: (start, end), or None."""
    words = fold(clean(quote)).split()
    if not words:
        return None
    found = re.search(r"\s+".join(map(_any_kind, words)), document_text)
    return found.span() if found else None


def _any_kind(word: str) -> str:
    return re.escape(word).replace("'", f"[{_APOSTROPHES}]").replace('"', f"[{_QUOTES}]")
