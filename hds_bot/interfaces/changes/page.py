"""A diff as one page of HTML that needs nothing else: for a meeting, on a screen or on paper."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from html import escape
from importlib import resources

from hds_bot.bot import AnswerChange, Diff, DocumentChange, QuoteChange
from hds_bot.interfaces.changes.wording import by_quote, cited, counts, words
from hds_bot.render.words import words as answer_words
from hds_bot.types import Language, Passage

_PIECES = re.compile(r"\s+|[^\s]+")


def to_html(diff: Diff, language: Language = "fr") -> str:
    """Write the page; everything that documents or questions bring is escaped."""
    return "\n".join(_Page(language).lines(diff)) + "\n"


class _Page:
    """The lines of the page in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._say = words(language)

    def lines(self, diff: Diff) -> Iterator[str]:
        title = escape(self._say["title"])
        style = (resources.files(__package__) / "style.css").read_text("utf-8")
        yield f'<!doctype html>\n<html lang="{self._language}">\n<head>\n<meta charset="utf-8">'
        yield f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{title}</h1>"
        yield from self._summary(diff)
        yield from self._section("quotes", (self._quote(*item) for item in by_quote(diff.quotes).items()))
        yield from self._section("anchors", (self._anchor(*item) for item in by_quote(diff.anchors).items()))
        yield from self._section("answers", map(self._answer, diff.answers))
        yield from self._section("documents", map(self._document, diff.documents))
        left_out = (_tag("p", escape(f"{path} : {reason}")) for path, reason in diff.left_out)
        yield from self._section("left_out", left_out)
        yield "</body>\n</html>"

    def _summary(self, diff: Diff) -> Iterator[str]:
        if not diff.documents:
            yield _tag("p", escape(self._say["nothing"]))
            return
        kind = "finding" if diff.is_finding else "fine"
        yield f'<p class="{kind}">{escape(self._say[kind])}</p>'
        yield _tag("p", escape(self._say["summary"].format(**counts(diff))))
        asked = self._say["not_asked"] if diff.asked is None else self._say["asked"].format(asked=diff.asked)
        yield _tag("p", escape(asked))

    def _section(self, name: str, items: Iterable[str]) -> Iterator[str]:
        written = list(items)
        if written:
            yield _tag("h2", escape(self._say[name]))
        yield from written

    def _quote(self, change: QuoteChange, rules: list[str]) -> str:
        return self._pinned(
            f"{self._say['rule']} {', '.join(rules)} — {self._say['kind'][change.kind]}", change
        )

    def _anchor(self, change: QuoteChange, topics: list[str]) -> str:
        return self._pinned(f"{self._say['anchor_lost']} : {', '.join(topics)}", change)

    def _pinned(self, title: str, change: QuoteChange) -> str:
        if change.after is None:
            row = _placed(change.before, escape(change.quote)), escape(self._say["gone"])
        else:
            old, new = _marked(change.quote, change.wording)
            row = _placed(change.before, old), _placed(change.after, new)
        return self._beside(title, *row)

    def _answer(self, change: AnswerChange) -> str:
        note = f" ({self._say['to_review']})" if change.to_review else ""
        verdict = answer_words(self._language).verdict
        before = _tag("strong", escape(verdict[change.verdict_before]))
        after = _tag("strong", escape(verdict[change.verdict_after] + note))
        return self._beside(
            f"{self._say['question']} {change.id} : {change.question}",
            f"{before}\n{escape(cited(change.citation_before, self._language))}",
            f"{after}\n{escape(cited(change.citation_after, self._language))}",
        )

    def _document(self, change: DocumentChange) -> str:
        title = f"{change.title} ({change.id}) — {self._say['kind'][change.kind]}"
        title += f" ({change.was})" if change.was else ""
        notes = self._say["described"].format(keys=", ".join(change.described)) if change.described else ""
        rows = [_reworded(pair.before, pair.after) for pair in change.reworded]
        rows += [(_placed(passage), "") for passage in change.removed]
        rows += [("", _placed(passage)) for passage in change.added]
        note = _tag("p", escape(notes)) if notes else ""
        return _tag("h3", escape(title)) + note + (self._table(rows) if rows else "")

    def _beside(self, title: str, before: str, after: str) -> str:
        return _tag("h3", escape(title)) + self._table([(before, after)])

    def _table(self, rows: Iterable[tuple[str, str]]) -> str:
        heads = "".join(f'<th scope="col">{escape(self._say[side])}</th>' for side in ("before", "after"))
        body = "".join(_tag("tr", _tag("td", one) + _tag("td", other)) for one, other in rows)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _placed(passage: Passage, text: str = "") -> str:
    place = " › ".join((passage.title, *passage.section))
    return f'<span class="place">{escape(place)}</span>\n{text or escape(passage.text)}'


def _reworded(before: Passage, after: Passage) -> tuple[str, str]:
    old, new = _marked(before.text, after.text)
    return _placed(before, old), _placed(after, new)


def _marked(before: str, after: str) -> tuple[str, str]:
    """Both wordings, with the words that went and came marked."""
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    marked = ["", ""]
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for side, pieces, mark in ((0, old[i:j], "del"), (1, new[k:m], "ins")):
            text = escape("".join(pieces))
            marked[side] += _tag(mark, text) if text and kind != "equal" else text
    return marked[0], marked[1]


def _tag(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"
