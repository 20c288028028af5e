"""TOML read strictly: every key is asked for, and whatever is left over is refused."""

from __future__ import annotations

import tomllib
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, TypeVar, cast

from hds_bot.errors import RulesError
from hds_bot.rules.model import Words

T = TypeVar("T")
SEE = "docs/rules.md says what each table holds"
_NO_DEFAULT: Any = object()


class Table:
    """One table and where it is; `finish` refuses the keys nobody took."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise RulesError("a table is expected here", where=where, next_step=SEE)
        self._left: dict[str, Any] = dict(values)
        self.where = where

    def take(self, key: str, kind: type[T], default: T = _NO_DEFAULT) -> T:
        """Return a key's value, checked for its type; RulesError where it is missing without a default."""
        value = self._left.pop(key, default)
        if value is _NO_DEFAULT:
            raise RulesError(f"“{key}” is missing", where=self.where, next_step=SEE)
        if not isinstance(value, kind) or value == "":
            raise RulesError(f"“{key}” is empty or of the wrong type", where=self.where, next_step=SEE)
        return value

    def optional_text(self, key: str) -> str:
        """Return a text, or "" where the key is absent."""
        return self.take(key, str) if key in self._left else ""

    def texts(self, key: str, *, optional: bool = False) -> tuple[str, ...]:
        """Return a list of texts, as a tuple."""
        values = self.take(key, list, [] if optional else _NO_DEFAULT)
        if not all(isinstance(value, str) and value for value in values):
            raise RulesError(f"“{key}” must be a list of texts", where=self.where, next_step=SEE)
        return tuple(values)

    def words(self, key: str) -> Words:
        """Return a text in French and English."""
        return _words(self.take(key, dict), f"{self.where}, {key}")

    def optional_words(self, key: str, default: Words) -> Words:
        """Return a text in French and English, or the default where the key is absent."""
        return self.words(key) if key in self._left else default

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a table inside this one."""
        return Table(self.take(key, dict, {} if optional else _NO_DEFAULT), f"{self.where}, {key}")

    def tables(self, key: str) -> list[Table]:
        """Return the tables of an array, each placed by its id or number."""
        values = self.take(key, list)
        return [Table(value, f"{self.where}, {key} {_name(value, n)}") for n, value in enumerate(values, 1)]

    def has(self, key: str) -> bool:
        """Tell whether the key is there and not taken yet."""
        return key in self._left

    def named(self) -> list[tuple[str, Table]]:
        """Take every key left as a table inside this one."""
        return [(key, Table(value, f"{self.where}, {key}")) for key, value in self.rest().items()]

    def named_texts(self) -> dict[str, tuple[str, ...]]:
        """Take every key left as a list of texts."""
        return {key: self.texts(key) for key in list(self._left)}

    def named_words(self) -> list[tuple[str, Words]]:
        """Take every key left as a text in French and English."""
        return [(key, _words(value, f"{self.where}, {key}")) for key, value in self.rest().items()]

    def rest(self) -> dict[str, Any]:
        """Take every key left."""
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        """Refuse the keys nobody took."""
        if self._left:
            raise RulesError(f"unknown: {', '.join(self._left)}", where=self.where, next_step=SEE)


def read_table(folder: Traversable, name: str) -> Table:
    """Read a TOML file of the folder; RulesError where it is missing or malformed."""
    try:
        return Table(tomllib.loads((folder / name).read_text(encoding="utf-8")), name)
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"can't be read ({error})", where=name, next_step="restore the file") from error
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"is no valid TOML ({error})", where=name, next_step=SEE) from error


def _words(value: object, where: str) -> Words:
    table = Table(value, where)
    words = {language: table.take(language, str) for language in ("fr", "en")}
    table.finish()
    return cast(Words, MappingProxyType(words))


def _name(value: object, number: int) -> str:
    return str(value.get("id", number)) if isinstance(value, dict) else str(number)
