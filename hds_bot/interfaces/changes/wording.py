"""The words of a change report, one file a language, and what both its forms count and cite."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from hds_bot.bot import Diff, QuoteChange
from hds_bot.types import Language, Passage


@cache
def words(language: Language) -> Mapping[str, Any]:
    """Give the words of a language."""
    return tomllib.loads((resources.files(__package__) / f"words_{language}.toml").read_text("utf-8"))


def counts(diff: Diff) -> dict[str, int]:
    """Count what a summary names."""
    kinds = Counter(change.kind for change in diff.quotes)
    to_review = sum(change.to_review and not change.turned for change in diff.answers)
    return {
        "documents": len(diff.documents),
        **{kind: kinds[kind] for kind in ("lost", "reworded", "moved")},
        "turned": len(diff.turned),
        "to_review": to_review,
        "recited": len(diff.answers) - len(diff.turned) - to_review,
    }


def cited(passage: Passage | None, language: Language) -> str:
    """Give a citation's words, or say that there is none."""
    return " ".join(passage.text.split()) if passage else str(words(language)["no_citation"])


def by_quote(changes: Iterable[QuoteChange]) -> dict[QuoteChange, list[str]]:
    """Give each change of a quote once, with the rules that rest on it, or the topics."""
    rules: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], QuoteChange] = {}
    for change in changes:
        key = change.document, change.quote
        first.setdefault(key, change)
        rules.setdefault(key, []).append(change.rule)
    return {change: rules[key] for key, change in first.items()}
