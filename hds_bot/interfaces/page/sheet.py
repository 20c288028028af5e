"""The decision sheet: one answer with its proof, as Markdown, as a PDF of one page, and as the record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from hds_bot import rules
from hds_bot.interfaces.page.wording import Words
from hds_bot.render import parts, to_record
from hds_bot.render import words as answer_words
from hds_bot.render.markdown import escape
from hds_bot.types import Answer, Fact

_LONGEST = 1_200
"""Characters of a question that the sheet shows; the record holds it whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with its lines."""

    heading: str
    lines: tuple[str, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the sheet says, before any layout."""

    title: str
    date: datetime
    verdict: str
    summary: str
    parts: tuple[Part, ...]
    notice: str


def sheet(answer: Answer, say: Words, date: datetime) -> Sheet:
    """Put an answer on a sheet, in the language of the words."""
    speak = answer_words(say.language)
    found = (
        Part(say("sheet.question"), tuple(map(_cut, answer.turns))),
        Part(say("sheet.rule"), tuple(_rule(answer, say)), quoted=True),
        Part(say("sheet.facts"), tuple(_facts(answer, say))),
        Part(say("sheet.missing"), tuple(missing.question for missing in answer.missing)),
        Part(say("sheet.cautions"), tuple(_cautions(answer, say))),
        Part(say("sheet.provenance"), tuple(_provenance(answer, say))),
    )
    return Sheet(
        title=say("sheet.title"),
        date=date,
        verdict=f"{speak.verdict[answer.verdict]} — {speak.meaning[answer.verdict]}",
        summary=answer.summary,
        parts=tuple(part for part in found if part.lines),
        notice=say("sheet.notice"),
    )


def to_markdown(made: Sheet) -> str:
    """Write a sheet as Markdown; text that users or documents bring stays text."""
    return "\n\n".join(_markdown(made)) + "\n"


def to_json(answer: Answer) -> str:
    """Write the record that `hds-bot replay` derives again."""
    return json.dumps(to_record(answer), ensure_ascii=False, indent=2) + "\n"


def spoken_date(date: datetime) -> str:
    """Give a date as written in both languages."""
    return f"{date:%Y-%m-%d %H:%M}"


# -- what it says -------------------------------------------------------------------------


def _cut(turn: str) -> str:
    return turn if len(turn) <= _LONGEST else f"{turn[:_LONGEST].rstrip()} …"


def _rule(answer: Answer, say: Words) -> Iterator[str]:
    speak = answer_words(say.language)
    for cited in answer.passages:
        if cited.quote:
            yield f"{speak.quoted(cited.quote)}{parts.ellipsis(cited.quote)} — {parts.place(cited.passage, speak)}"


def _facts(answer: Answer, say: Words) -> Iterator[str]:
    book = rules.load_rules()
    for fact in answer.facts:
        if fact.id != "request":
            label = rules.label(book, fact.id, fact.value, say.language)
            yield f"{label} — {_stated_by(fact, say)}"


def _stated_by(fact: Fact, say: Words) -> str:
    stated = say(f"stated_by.{fact.method}")
    quoted = answer_words(say.language).quoted
    return f"{stated} {quoted(fact.evidence.text)}" if fact.evidence else stated


def _cautions(answer: Answer, say: Words) -> Iterator[str]:
    speak = answer_words(say.language)
    for caution in answer.cautions:
        yield f"{caution.text} ({parts.reference(caution, speak)}, {caution.url.removeprefix('https://')})"


def _provenance(answer: Answer, say: Words) -> Iterator[str]:
    if answer.rule:
        yield say("sheet.decided_by", rule=answer.rule.id)
    for name in ("version", "rules", "corpus", "index", "encoder"):
        yield f"{say(f'provenance.{name}')} {getattr(answer.provenance, name)}"


# -- how it is written --------------------------------------------------------------------


def _markdown(made: Sheet) -> Iterator[str]:
    yield f"# {escape(made.title)}"
    yield escape(spoken_date(made.date))
    yield f"**{escape(made.verdict)}**"
    yield escape(made.summary)
    for part in made.parts:
        yield f"## {escape(part.heading)}"
        yield "\n".join(_items(part.lines, "> " if part.quoted else "- "))
    yield f"*{escape(made.notice)}*"


def _items(lines: Iterable[str], mark: str) -> Iterator[str]:
    end = "  " if mark == "> " else ""
    for line in lines:
        yield mark + escape(" ".join(line.split())) + end
