"""Front matter and side files: what a document says about itself, read strictly."""

from __future__ import annotations

import re
from typing import Any, get_args

from hds_bot.corpus.content import Metadata
from hds_bot.corpus.limits import MAX_METADATA
from hds_bot.corpus.normalising import clean_line
from hds_bot.errors import CorpusError
from hds_bot.types import Authority, Language, Status

_CHOICES = {"language": get_args(Language), "authority": get_args(Authority), "status": get_args(Status)}
_DATES = ("date", "retrieved")
_LISTS = ("tags",)
KEYS = ("title", "source", "publisher", "licence", *_DATES, *_CHOICES, *_LISTS)
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_UNSAFE_ADDRESS = re.compile(r"(javascript|vbscript|data|file):", re.IGNORECASE)
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)


def split_front_matter(text: str, where: str) -> tuple[Metadata, str]:
    """Take off the metadata between the leading `---` lines; raises `CorpusError` where it is malformed."""
    if not re.match(r"---[ \t]*\n", text):
        return {}, text
    if not (found := _FRONT_MATTER.match(text)):
        raise CorpusError(
            "the front matter is not closed",
            where=where,
            next_step="end it with a line of three hyphens: ---",
        )
    return parse_metadata(found["yaml"], where), text[found.end() :]


def parse_metadata(text: str, where: str) -> Metadata:
    """Keys and values of a YAML mapping, each known and well-formed; raises `CorpusError` otherwise."""
    if len(text) > MAX_METADATA:
        raise CorpusError(
            f"more than {MAX_METADATA} characters of metadata",
            where=where,
            next_step="keep the front matter to the keys of docs/corpus.md",
        )
    metadata: dict[str, str | tuple[str, ...]] = {}
    for key, node in _pairs(text, where):
        if key in metadata:
            raise CorpusError(f"the key `{key}` occurs twice", where=where, next_step="keep one of the two")
        metadata[key] = _value(key, node, where)
    return metadata


def _pairs(text: str, where: str) -> list[tuple[str, Any]]:
    import yaml

    try:
        # Composing stops at the syntax: no tag is obeyed, every scalar stays the word that was written.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise CorpusError(
            f"the metadata is not YAML: {clean_line(str(error))[:200]}",
            where=where,
            next_step="write one `key: value` a line, the value in quotes where it holds a colon",
        ) from error
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise CorpusError("the metadata has no keys", where=where, next_step="write one `key: value` a line")
    return [(str(key.value), value) for key, value in root.value]


def _value(key: str, node: Any, where: str) -> str | tuple[str, ...]:
    if key not in KEYS:
        raise CorpusError(f"unknown key `{key}`", where=where, next_step=f"use one of: {', '.join(KEYS)}")
    if key in _LISTS:
        return tuple(_scalar(key, item, where) for item in _items(node))
    value = _scalar(key, node, where)
    if key in _CHOICES and value not in _CHOICES[key]:
        raise CorpusError(
            f"`{key}: {value}` is not known", where=where, next_step=f"use one of: {', '.join(_CHOICES[key])}"
        )
    if key in _DATES and value and not _DATE.fullmatch(value):
        raise CorpusError(f"`{key}: {value}` is not a date", where=where, next_step="write it as 2024-05-31")
    if key == "source" and _UNSAFE_ADDRESS.match(value):
        raise CorpusError(
            f"`{key}` is not a web address", where=where, next_step="give an https:// address or a reference"
        )
    return value


def _items(node: Any) -> list[Any]:
    return node.value if isinstance(node.value, list) else [node]


def _scalar(key: str, node: Any, where: str) -> str:
    if not isinstance(node.value, str):
        raise CorpusError(f"`{key}` holds more than one value", where=where, next_step="give it a single one")
    return clean_line(node.value)
