"""`each`: one rule written once, with the guidance's own line for each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hds_bot.errors import RulesError
from hds_bot.rules.model import FactSpec
from hds_bot.rules.reading import Table
from hds_bot.types import Language

_LANGUAGES: tuple[Language, ...] = ("fr", "en")


def expand(table: Table, facts: Mapping[str, FactSpec]) -> Iterator[tuple[Table, bool]]:
    """Make one more rule for each of a rule's lines; the rule itself follows where it has a quote."""
    written, where = table.rest(), table.where
    if "each" not in written:
        yield Table(written, where), False
        return
    general = {key: value for key, value in written.items() if key not in ("each", "lines", "summary_each")}
    kinds = _kinds(Table(written, where), facts)
    for value, quote in Table(written, where).table("lines").rest().items():
        yield Table({**general, **_line(Table(written, where), value, kinds), "quote": quote}, where), True
    if "quote" in general:
        yield Table(general, where), False


def _kinds(table: Table, facts: Mapping[str, FactSpec]) -> FactSpec:
    each = table.take("each", str)
    if each not in facts:
        raise RulesError(f"each names no known fact: {each}", where=table.where, next_step="see facts.toml")
    return facts[each]


def _line(table: Table, value: str, kinds: FactSpec) -> dict[str, object]:
    """Return what sets a line's rule apart from the rule it was made from."""
    title, summary = table.words("title"), table.words("summary")
    summary, label = table.optional_words("summary_each", summary), kinds.labels.get(value, title)
    return {
        "id": f"{table.take('id', str)}-{value.replace('_', '-')}",
        "title": {lang: f"{title[lang]} ({label[lang]})" for lang in _LANGUAGES},
        "summary": {lang: summary[lang].replace("{value}", label[lang]) for lang in _LANGUAGES},
        "when": [*table.take("when", list), f"{kinds.id} is {value}"],
        "also": [],
    }
