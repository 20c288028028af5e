"""Every word of the page, one file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from hds_bot.types import Language

LANGUAGES: tuple[Language, ...] = ("fr", "en")


class Words:
    """The words of one language, by dotted key."""

    def __init__(self, language: Language, words: Mapping[str, str]) -> None:
        self.language = language
        self._words = words
        self._tables: dict[str, dict[str, str]] = {}
        for key, word in words.items():
            table, _, rest = key.rpartition(".")
            self._tables.setdefault(table, {})[rest] = word

    def __call__(self, key: str, /, **parts: object) -> str:
        """Give the words of a key, {braces} filled in; KeyError where there are none."""
        words = self._words[key]
        return words.format(**parts) if parts else words

    @property
    def names(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._words)

    def under(self, table: str) -> Mapping[str, str]:
        """Give the words of one table, by the rest of their keys, in the file's order."""
        return self._tables[table]


@cache
def words(language: Language) -> Words:
    """Give the words of a language, loaded once."""
    file = resources.files(__package__) / "words" / f"{language}.toml"
    return Words(language, dict(_flat(tomllib.loads(file.read_text("utf-8")))))


def _flat(table: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{head}{key}.")
        else:
            yield f"{head}{key}", value
