"""The rule book: read once from the data files, refused at the door where anything is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from hds_bot.errors import RulesError
from hds_bot.rules.entries import read_cautions_file, read_rules_file
from hds_bot.rules.model import FactSpec, RuleBook, Words
from hds_bot.rules.ordering import order
from hds_bot.rules.reading import SEE, Table, read_table
from hds_bot.types import FactValue, Verdict

DATA_FILES = ("facts.toml", "rules.toml", "cautions.toml", "wording.toml")
_STEP = {"title", "facts"}
_SENTENCES = {
    "change": {"condition", "verdict"},
    "unknown_fact": {"name"},
    "fired": _STEP,
    "overridden": {*_STEP, "other"},
    "not_met": _STEP,
    "unknown": _STEP,
}
"""Of each sentence, the parts that are filled in."""
_YES_NO = {"yes": True, "no": False}


@cache
def load_rules() -> RuleBook:
    """Return the rule book that ships with the package; RulesError where its data are malformed."""
    return read_rules(files("hds_bot.rules") / "data")


def read_rules(folder: Traversable) -> RuleBook:
    """Read a rule book from a folder of data files; RulesError says what is wrong, and where."""
    facts = {id_: _fact(id_, table) for id_, table in read_table(folder, "facts.toml").named()}
    rules, changes = read_rules_file(read_table(folder, "rules.toml"), facts)
    notice, cautions = read_cautions_file(read_table(folder, "cautions.toml"), facts)
    return RuleBook(
        facts=MappingProxyType(facts),
        rules=rules,
        precedence=order(rules),
        possible_changes=changes,
        cautions=cautions,
        notice=notice,
        wording=_wording(read_table(folder, "wording.toml")),
        sha256=_sha256(folder),
    )


def _fact(id_: str, table: Table) -> FactSpec:
    name, question = table.words("name"), table.words("question")
    labels = _labels(table)
    table.finish()
    values: dict[str, FactValue] = {**_YES_NO} if True in labels else {str(word): word for word in labels}
    return FactSpec(id_, name, question, MappingProxyType(values), MappingProxyType(labels))


def _labels(table: Table) -> dict[FactValue, Words]:
    match table.take("type", str):
        case "yes_no":
            return {True: table.words("yes"), False: table.words("no")}
        case "choice":
            return dict(table.table("values").named_words())
    raise RulesError("type is neither yes_no nor choice", where=table.where, next_step=SEE)


def _wording(table: Table) -> Mapping[str, Words]:
    parts = (table.table("verdict"), table.table("sentence"))
    wording = {name: words for part in parts for name, words in part.named_words()}
    table.finish()
    wrong = {name for name, filled in _SENTENCES.items() if not _fits(wording.get(name, {}), filled)}
    if wrong := wrong | (set(wording) ^ {*Verdict, *_SENTENCES}):
        what = f"missing, unknown, or with another {{part}}: {', '.join(sorted(wrong))}"
        raise RulesError(what, where="wording.toml", next_step=SEE)
    return MappingProxyType(wording)


def _fits(words: Words, filled: Iterable[str]) -> bool:
    """Tell whether a sentence names no other parts than those that are filled in."""
    try:
        return bool([text.format_map(dict.fromkeys(filled, "")) for text in words.values()])
    except (KeyError, IndexError, ValueError):
        return False


def _sha256(folder: Traversable) -> str:
    digest = hashlib.sha256()
    for name in DATA_FILES:
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes() + b"\0")
    return digest.hexdigest()
