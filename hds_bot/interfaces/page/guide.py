"""The guidance as one document, with what each of its sentences decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from hds_bot import corpus, rules
from hds_bot.bot import HdsBot
from hds_bot.interfaces.page import documents, header, picture, standing, state
from hds_bot.interfaces.page.markup import Html, join, tag
from hds_bot.interfaces.page.wording import Words, words
from hds_bot.render import words as answer_words
from hds_bot.rules import Rule
from hds_bot.types import Document

_SHOWN = 3
"""Rules told under a line; where there are more, all of them open by a click."""


def show(bot: HdsBot) -> None:
    """Show a document with its rules, the gates of the decision, the corpus, and the state of the index."""
    state.leave()
    say = words(state.language())
    header.show(say, say("guide.title"))
    st.html(tag("p", say("guide.hint"), class_="hds-subtitle"))
    found = _documents(bot.settings.corpus, corpus.fingerprint(bot.settings.corpus))
    document = _chosen(found, say)
    st.html(_told(document, _place(document), say))
    with st.expander(say("guide.tree")):
        st.html(picture.tree(say))
    documents.show(found, bot, say)
    standing.show(bot.settings, say)


@lru_cache(maxsize=1)
def _documents(folder: Path, _fingerprint: str) -> tuple[Document, ...]:
    return corpus.read_corpus(folder, keep_going=True).documents


def _chosen(documents: Sequence[Document], say: Words) -> Document:
    """Give the document that the reader chose, else the one that the address names, else the first."""
    by_id = {document.id: document for document in documents}
    if len(by_id) == 1:
        return documents[0]
    wanted = st.query_params.get("document", "")
    chosen = st.selectbox(
        say("guide.document"),
        list(by_id),
        list(by_id).index(wanted) if wanted in by_id else 0,
        format_func=lambda name: f"{by_id[name].title} ({name})",
        key="document",
    )
    return by_id[chosen]


def _place(document: Document) -> int:
    """Give the place that the address asks for in this document; -1 where it asks for none."""
    written = st.query_params.get("at", "")
    here = st.query_params.get("document", document.id) == document.id
    return int(written) if here and written.isdecimal() and len(written) < 10 else -1


# -- the document -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def _told(document: Document, place: int, say: Words) -> Html:
    return join(
        [_about(document, say), tag("article", *_blocks(document, place, say), lang=document.language)]
    )


def _about(document: Document, say: Words) -> Html:
    known = {
        "authority": say(f"authority.{document.authority}"),
        "status": say(f"status.{document.status}"),
        "publisher": document.publisher,
        "date": document.date,
        "source": document.source,
    }
    told = " · ".join(f"{say(f'guide.{name}')} {value}" for name, value in known.items() if value)
    return tag("p", told, class_="hds-hint")


def _blocks(document: Document, place: int, say: Words) -> Iterator[Html]:
    """Give headings, paragraphs and lists in the document's order."""
    headings = {section.path[-1]: len(section.path) for section in document.sections if section.path}
    listed: list[Html] = []
    for line in _lines(document.text):
        if not line.text.startswith("•") and listed:
            yield tag("ul", *listed)
            listed = []
        if line.text.startswith("•"):
            listed.append(tag("li", *_line(document, line, place, say)))
        elif line.text in headings or line.text == document.title:
            yield tag(f"h{min(headings.get(line.text, 1) + 1, 6)}", line.text)
        else:
            yield tag("div", *_line(document, line, place, say), class_="hds-paragraph")
    if listed:
        yield tag("ul", *listed)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        if line.strip():
            yield _Line(start, line)
        start += len(line) + 1


def _line(document: Document, line: _Line, place: int, say: Words) -> Iterator[Html]:
    """Give a line with its quotes marked, then the rules that rest on them."""
    quotes = [found for found in _quotes(document) if line.start <= found[0] < line.end]
    here = "hds-here" if line.start <= place <= line.end else ""
    yield tag("span", *_marked(line, [(start, end) for start, end, _ in quotes]), id=here)
    resting = [rule for *_, rule in quotes]
    if resting:
        yield _resting(resting, say)


def _marked(line: _Line, spans: Sequence[tuple[int, int]]) -> Iterator[str]:
    done = line.start
    text = line.text.removeprefix("• ")
    offset = line.start + len(line.text) - len(text)
    for start, end in sorted(set(spans)):
        if start >= done:
            yield text[max(done, offset) - offset : start - offset]
            yield tag("mark", text[start - offset : end - offset])
            done = end
    yield text[max(done, offset) - offset :]


def _resting(resting: Sequence[Rule], say: Words) -> Html:
    speak = answer_words(say.language)
    items = [
        tag(
            "li",
            tag("strong", f"{speak.icon[rule.verdict]} {speak.verdict[rule.verdict]}"),
            " ",
            rule.title[say.language],
        )
        for rule in resting
    ]
    if len(items) <= _SHOWN:
        return tag("ul", *items, class_="hds-rests", lang=say.language)
    summary = tag("summary", say("guide.rules", count=len(items)))
    return tag("details", summary, tag("ul", *items, class_="hds-rests"), lang=say.language)


def _quotes(document: Document) -> tuple[tuple[int, int, Rule], ...]:
    return _found(document.id, document.text) if document.status == "in_force" else ()


@lru_cache(maxsize=8)
def _found(document: str, text: str) -> tuple[tuple[int, int, Rule], ...]:
    """Where each rule's quote stands in a document."""
    resting = (rule for rule in rules.load_rules().rules if rule.quote and rule.document == document)
    return tuple(
        (*span, rule) for rule in resting if (span := corpus.find_quote(text, rule.quote)) is not None
    )
