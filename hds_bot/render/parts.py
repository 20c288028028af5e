"""The parts of an answer as plain lines, before any markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hds_bot import rules
from hds_bot.render.words import Words
from hds_bot.types import Answer, Caution, CitedPassage, Fact, MissingFact, Passage

SHOWN_CAUTIONS = 3
"""Cautions shown with an answer; the rest is folded or named."""

_ENDS = (".", "!", "?", "…", "»", "”")


def verdict_line(answer: Answer, words: Words) -> str:
    """Icon, verdict and what it means, in words."""
    verdict = answer.verdict
    return f"{words.icon[verdict]} {words.verdict[verdict]} — {words.meaning[verdict]}"


def rule_place(answer: Answer, words: Words) -> str:
    """Document and section of the deciding rule's quote."""
    if answer.rule is None:
        return ""
    cited = answer.passages[0] if answer.passages else None
    if cited is None or cited.passage.document != answer.rule.document:
        return _joined(answer.rule.document, answer.rule.section)
    return cited_place(cited, words)


def ellipsis(quote: str) -> str:
    """Give what follows a quote, outside its marks, where its sentence goes on: " …", else nothing."""
    return "" if quote.rstrip().endswith(_ENDS) else " …"


def cited_place(cited: CitedPassage, words: Words) -> str:
    """Title, headings and page of a citation, then who published the document and when."""
    return ", ".join(filter(None, (place(cited.passage, words), cited.publisher, cited.date)))


def place(passage: Passage, words: Words) -> str:
    """Title, headings and page of a passage."""
    page = f" ({words.page} {passage.page})" if passage.page else ""
    return _joined(passage.title, passage.section) + page


def understood(answer: Answer, words: Words) -> Iterator[str]:
    """Each fact about the situation, with the words that show it and how it was found."""
    book = rules.load_rules()
    for fact in answer.facts:
        if fact.id == "request":
            continue
        label = rules.label(book, fact.id, fact.value, answer.language)
        yield label + _proof(fact, words)


def options(missing: MissingFact, words: Words) -> Iterator[str]:
    """Each answer to a missing fact and the verdict it leads to."""
    for option in missing.options:
        yield f"{option.label} {words.leads_to} {words.verdict[option.verdict]}"


def notice(answer: Answer) -> str:
    """Give what is to be said with the cautions."""
    return rules.load_rules().notice[answer.language]


def reference(caution: Caution, words: Words) -> str:
    """Where a caution comes from, its standing, and when it was checked."""
    standing = words.standing.get(caution.standing, "")
    checked = f"{words.checked} {caution.checked}" if caution.checked else ""
    return ", ".join(filter(None, (caution.reference, standing, checked)))


def marked(cited: CitedPassage, mark: Callable[[str], str], plain: Callable[[str], str] = str) -> str:
    """Give a passage's text with its quote marked; every part goes through `plain` first."""
    text = cited.passage.text
    start = text.find(cited.quote) if cited.quote else -1
    if start < 0:
        return plain(text)
    end = start + len(cited.quote)
    return plain(text[:start]) + mark(plain(text[start:end])) + plain(text[end:])


def _proof(fact: Fact, words: Words) -> str:
    notes = [words.quoted(fact.evidence.text)] if fact.evidence else []
    notes += [words.method[fact.method]] if words.method[fact.method] else []
    return f" ({', '.join(notes)})" if notes else ""


def _joined(title: str, section: Sequence[str]) -> str:
    return " › ".join((title, *section))
