"""Every word that an answer is told in, one file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from hds_bot.types import Language, Method, Verdict


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language; tables by verdict, by method, by a caution's standing."""

    verdict: Mapping[Verdict, str]
    icon: Mapping[Verdict, str]
    meaning: Mapping[Verdict, str]
    method: Mapping[Method, str]
    standing: Mapping[str, str]
    open_quote: str
    close_quote: str
    understood: str
    missing: str
    leads_to: str
    would_change: str
    cautions: str
    passages: str
    page: str
    checked: str

    def quoted(self, text: str) -> str:
        """Text between the language's quotation marks."""
        return f"{self.open_quote}{text}{self.close_quote}"


@cache
def words(language: Language) -> Words:
    """Give the words of a language, loaded once; an unknown or missing key is an error."""
    data = tomllib.loads((resources.files(__package__) / "data" / f"{language}.toml").read_text("utf-8"))
    return Words(**data)
