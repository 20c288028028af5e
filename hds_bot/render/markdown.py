"""An answer as Markdown, in which words that users or documents bring never become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hds_bot.render import parts
from hds_bot.render.words import Words, words
from hds_bot.types import Answer

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")
_LINE_MARK = re.compile(r"^(\s*\d*)([-+=.)])", re.MULTILINE)


def to_markdown(answer: Answer) -> str:
    """Write the answer from verdict to cited passages, headings in the question's language."""
    speak = words(answer.language)
    blocks = (
        _verdict(answer, speak),
        _why(answer, speak),
        _list(speak.understood, map(escape, parts.understood(answer, speak))),
        _missing(answer, speak),
        _list(speak.would_change, (escape(change.text) for change in answer.what_would_change)),
        _cautions(answer, speak),
        _passages(answer, speak),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, blocks) if lines) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _LINE_MARK.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", text))


def _verdict(answer: Answer, speak: Words) -> Iterator[str]:
    yield f"## {parts.verdict_line(answer, speak)}"
    yield ""
    yield escape(answer.summary)


def _why(answer: Answer, speak: Words) -> Iterator[str]:
    if answer.rule:
        yield _quoted(escape(answer.rule.quote) + parts.ellipsis(answer.rule.quote))
        yield ">"
        yield f"> — {escape(parts.rule_place(answer, speak))}"


def _missing(answer: Answer, speak: Words) -> Iterator[str]:
    if answer.missing:
        yield from _heading(speak.missing)
    for missing in answer.missing:
        yield f"- {escape(missing.question)}"
        yield from (f"  - {escape(option)}" for option in parts.options(missing, speak))


def _cautions(answer: Answer, speak: Words) -> Iterator[str]:
    if answer.cautions:
        yield from _heading(speak.cautions)
        yield f"*{escape(parts.notice(answer))}*"
        yield ""
    for caution in answer.cautions[: parts.SHOWN_CAUTIONS]:
        yield f"- {escape(caution.text)} [{escape(parts.reference(caution, speak))}](<{caution.url}>)"


def _passages(answer: Answer, speak: Words) -> Iterator[str]:
    if answer.passages:
        yield from _heading(speak.passages)
    for cited in answer.passages:
        yield f"{cited.rank}. {escape(parts.cited_place(cited, speak))}"
        yield ""
        yield _quoted(parts.marked(cited, _strong, escape), indent="   ")
        yield ""


def _list(heading: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {item}" for item in items]
    if lines:
        yield from _heading(heading)
    yield from lines


def _heading(text: str) -> Iterator[str]:
    yield f"### {text}"
    yield ""


def _quoted(text: str, *, indent: str = "") -> str:
    """Make a block quote that keeps its line ends."""
    return "  \n".join(f"{indent}> {line}" for line in text.split("\n"))


def _strong(text: str) -> str:
    return "\n".join(f"**{line.strip()}**" for line in text.split("\n"))
