"""A diff as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from hds_bot.bot import AnswerChange, BuildReport, Diff, DocumentChange, QuoteChange
from hds_bot.interfaces import described
from hds_bot.interfaces.changes.wording import by_quote, cited, counts, words
from hds_bot.types import Passage

_SIGN = {"added": "+", "removed": "-", "renamed": "→", "changed": "~"}
_SHORT = 12
"""Documents named in the short form."""
_CONTEXT = 20
"""Characters shown before two citations part."""


def to_text(diff: Diff, *, width: int = 100) -> str:
    """Write the whole diff: summary, rules, answers, then each document with its passages."""
    say = words("en")
    if not diff.documents:
        return str(say["nothing"])
    blocks = (
        [say["summary"].format(**counts(diff))],
        [line for change, rules in by_quote(diff.quotes).items() for line in _quote(change, rules, width)],
        [
            line
            for change, topics in by_quote(diff.anchors).items()
            for line in _anchor(change, topics, width)
        ],
        [line for change in diff.answers for line in _answer(change, width)],
        [line for change in diff.documents for line in _document(change, width)],
        [f"left out: {path}: {reason}" for path, reason in diff.left_out],
        [say["asked"].format(asked=diff.asked) if diff.asked is not None else say["not_asked"]],
    )
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def build_text(report: BuildReport | None) -> str:
    """Tell what a build did and, a line a document, what it changed."""
    documents = report.diff.documents if report and report.diff else ()
    lines = list(map(_heading, documents))[:_SHORT]
    lines += [f"and {len(documents) - _SHORT} more"] if len(documents) > _SHORT else []
    return "\n".join((described.build_text(report), *lines))


def _quote(change: QuoteChange, rules: list[str], width: int) -> Iterator[str]:
    yield from _pinned(f"quote {words('en')['kind'][change.kind]}: {', '.join(rules)}", change, width)


def _anchor(change: QuoteChange, topics: list[str], width: int) -> Iterator[str]:
    yield from _pinned(f"{words('en')['anchor_lost']}: {', '.join(topics)}", change, width)


def _pinned(heading: str, change: QuoteChange, width: int) -> Iterator[str]:
    yield from textwrap.wrap(heading, width, subsequent_indent="    ")
    yield from _side("-", change.before, width, change.quote)
    yield from (
        _side("+", change.after, width, change.wording) if change.after else [f"  + {words('en')['gone']}"]
    )


def _answer(change: AnswerChange, width: int) -> Iterator[str]:
    turned = f"{change.verdict_before} → {change.verdict_after}" if change.turned else change.verdict_after
    note = f" ({words('en')['to_review']})" if change.to_review else ""
    yield f"answer {change.id}: {turned}{note}: {textwrap.shorten(change.question, width)}"
    for sign, text in zip("-+", _from_difference(change), strict=True):
        yield f"  {sign} {textwrap.shorten(text, width - 4)}"


def _from_difference(change: AnswerChange) -> tuple[str, str]:
    """Both citations, opened a little before the first word that differs."""
    before, after = cited(change.citation_before, "en"), cited(change.citation_after, "en")
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    at = before.rfind(" ", 0, max(same - _CONTEXT, 0)) + 1
    lead = "… " if at else ""
    return lead + before[at:], lead + after[at:]


def _document(change: DocumentChange, width: int) -> Iterator[str]:
    yield _heading(change)
    if change.kind != "changed":
        return
    for pair in change.reworded:
        yield from _side("-", pair.before, width)
        yield from _side("+", pair.after, width)
    for sign, passages in (("-", change.removed), ("+", change.added)):
        yield from (line for passage in passages for line in _side(sign, passage, width))


def _heading(change: DocumentChange) -> str:
    counted = (("added", change.added), ("removed", change.removed), ("reworded", change.reworded))
    passages = ", ".join(f"{len(some)} {name}" for name, some in counted if some)
    notes = [f"passages: {passages}"] if passages else []
    notes += [f"was {change.was}"] if change.was else []
    notes += [words("en")["described"].format(keys=", ".join(change.described))] if change.described else []
    return f"{_SIGN[change.kind]} {change.id}" + (f" ({'; '.join(notes)})" if notes else "")


def _side(sign: str, passage: Passage, width: int, text: str = "") -> list[str]:
    place = f"[{' › '.join(passage.section)}] " if passage.section else ""
    line = place + " ".join((text or passage.text).split())
    return textwrap.wrap(line, width, initial_indent=f"  {sign} ", subsequent_indent="    ")
