"""An answer for a terminal: plain text within a width, bold and colour where they are wanted."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator

from hds_bot.render import parts
from hds_bot.render.words import Words, words
from hds_bot.types import Answer, Hit, Language, Verdict

_COLOURS = {
    Verdict.OUI: "31",
    Verdict.NON: "32",
    Verdict.A_PRECISER: "33",
    Verdict.SANS_VERDICT: "36",
    Verdict.HORS_PERIMETRE: "90",
}
_BOLD, _FAINT, _UNDERLINED = "1", "2", "4"
Paint = Callable[[str, str], str]
"""(text, code of the terminal) to text."""


def to_text(answer: Answer, *, width: int = 80, color: bool = False) -> str:
    """Write the answer from verdict to cited passages, in lines of at most `width` columns."""
    page = _Page(words(answer.language), width, _painted if color else _plain)
    blocks = (
        page.verdict(answer),
        page.why(answer),
        page.understood(answer),
        page.missing(answer),
        page.would_change(answer),
        page.cautions(answer),
        page.passages(answer),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, blocks) if lines) + "\n"


def hits_to_text(
    hits: Iterable[Hit], language: Language = "fr", *, width: int = 80, color: bool = False
) -> str:
    """Search results: rank, score and place, then the text."""
    page = _Page(words(language), width, _painted if color else _plain)
    return "\n\n".join("\n".join(page.hit(hit)) for hit in hits) + "\n"


class _Page:
    """Lines of one answer in one language, one width, one way to paint."""

    def __init__(self, speak: Words, width: int, paint: Paint) -> None:
        self._speak = speak
        self._width = max(width, 40)
        self._paint = paint

    def verdict(self, answer: Answer) -> Iterator[str]:
        code = f"{_BOLD};{_COLOURS[answer.verdict]}"
        yield from (
            self._paint(line, code) for line in self._wrapped(parts.verdict_line(answer, self._speak))
        )
        yield ""
        yield from self._wrapped(answer.summary)

    def why(self, answer: Answer) -> Iterator[str]:
        if answer.rule:
            quote = answer.rule.quote
            yield from self._wrapped(self._speak.quoted(quote) + parts.ellipsis(quote), indent=2)
            yield from self._faint(parts.rule_place(answer, self._speak), indent=4)

    def understood(self, answer: Answer) -> Iterator[str]:
        yield from self._list(self._speak.understood, parts.understood(answer, self._speak))

    def missing(self, answer: Answer) -> Iterator[str]:
        if answer.missing:
            yield self._heading(self._speak.missing)
        for missing in answer.missing:
            yield from self._item(missing.question)
            for option in parts.options(missing, self._speak):
                yield from self._wrapped(option, indent=6)

    def would_change(self, answer: Answer) -> Iterator[str]:
        yield from self._list(self._speak.would_change, (change.text for change in answer.what_would_change))

    def cautions(self, answer: Answer) -> Iterator[str]:
        if answer.cautions:
            yield self._heading(self._speak.cautions)
            yield from self._faint(parts.notice(answer), indent=2)
        for caution in answer.cautions[: parts.SHOWN_CAUTIONS]:
            yield from self._item(caution.text)
            yield from self._faint(parts.reference(caution, self._speak), indent=4)
            yield from self._faint(caution.url, indent=4)

    def passages(self, answer: Answer) -> Iterator[str]:
        if answer.passages:
            yield self._heading(self._speak.passages)
        for cited in answer.passages:
            yield from self._numbered(cited.rank, parts.cited_place(cited, self._speak))
            marked = parts.marked(cited, lambda quote: self._paint(quote, _UNDERLINED))
            yield from self._block(marked)

    def hit(self, hit: Hit) -> Iterator[str]:
        yield from self._numbered(hit.rank, f"[{hit.score:.2f}] {parts.place(hit.passage, self._speak)}")
        yield from self._block(hit.passage.text)

    def _list(self, heading: str, items: Iterable[str]) -> Iterator[str]:
        lines = [line for item in items for line in self._item(item)]
        if lines:
            yield self._heading(heading)
        yield from lines

    def _heading(self, text: str) -> str:
        return self._paint(text, _BOLD)

    def _item(self, text: str) -> Iterator[str]:
        yield from self._wrapped(text, indent=4, first="  • ")

    def _numbered(self, number: int, text: str) -> Iterator[str]:
        yield from self._wrapped(text, indent=5, first=f"  {number}. ")

    def _faint(self, text: str, *, indent: int) -> Iterator[str]:
        yield from (self._paint(line, _FAINT) for line in self._wrapped(text, indent=indent))

    def _block(self, text: str) -> Iterator[str]:
        for line in text.splitlines():
            yield from self._wrapped(line, indent=5)

    def _wrapped(self, text: str, *, indent: int = 0, first: str | None = None) -> list[str]:
        return textwrap.wrap(
            text,
            self._width,
            initial_indent=" " * indent if first is None else first,
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
            break_long_words=False,
        )


def _painted(text: str, code: str) -> str:
    return f"\N{ESCAPE}[{code}m{text}\N{ESCAPE}[0m"


def _plain(text: str, _code: str) -> str:
    return text
