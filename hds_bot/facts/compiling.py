"""The lexicon's files to lookup tables: each term tokenised, folded and stemmed once.

A file is a family, a table a kind, a line a concept with French and English terms. In a term, `…` stands for
up to three other words and a leading `=` asks for exactly that form. Tables hold only what JSON can keep.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypedDict

from hds_bot.errors import RulesError
from hds_bot.facts.text import SMALL, stem_key, tokenise

GAP = "…"
FUZZY_FROM = 6
"""Letters from which a typing error is corrected: shorter words are too close to one another."""
REAL_WORDS = "real_words.txt"


class Line(NamedTuple):
    """A concept as its file has it."""

    id: str
    family: str
    kind: str
    terms: dict[str, list[str]]
    """By language."""


class Term(NamedTuple):
    """A term of a concept, ready to be met."""

    concept: int
    """Number of its line."""
    keys: tuple[str, ...]
    """Keys to meet, in order, `…` for a gap."""
    capitals: bool
    """A two-letter acronym, met in capitals only."""
    language: str
    words: tuple[str, ...]
    """Folded."""

    def pack(self) -> str:
        """Put the term in one string: JSON reads thousands of those much faster than as many lists."""
        capitals = "capitals" if self.capitals else ""
        return "\t".join(
            (str(self.concept), " ".join(self.keys), capitals, self.language, " ".join(self.words))
        )

    @classmethod
    def unpack(cls, packed: str) -> Term:
        """Read a term that was packed."""
        concept, keys, capitals, language, words = packed.split("\t")
        return cls(int(concept), tuple(keys.split(" ")), bool(capitals), language, tuple(words.split(" ")))


class Tables(TypedDict):
    """What a lexicon looks words up in."""

    lines: list[Line]
    terms: dict[str, list[str]]
    """Packed, by their first key."""
    known: list[str]
    """Every key of every term."""
    spellings: dict[str, list[str]]
    """Words that a typing error may stand for, by first letter, the most used first."""
    real_words: list[str]
    """Words that look like a typing error and are none."""


def compile_tables(sources: Mapping[str, bytes]) -> Tables:
    """Make tables of the files' bytes, by name. Raises `RulesError` naming file and line where malformed."""
    families = sorted(name for name in sources if name.endswith(".toml"))
    lines = sorted(line for name in families for line in _read(name, sources[name]))
    _refuse_twins(lines)
    terms = [term for number, line in enumerate(lines) for term in _terms(number, line)]
    return Tables(
        lines=lines,
        terms=_by_first_key(terms),
        known=sorted({key for term in terms for key in term.keys} - {GAP}),
        spellings=_spellings(terms),
        real_words=_listed(sources.get(REAL_WORDS, b"")),
    )


# -- files to lines -----------------------------------------------------------------------


def _read(name: str, content: bytes) -> Iterator[Line]:
    try:
        tables = tomllib.loads(content.decode())
    except ValueError as error:  # not TOML, or not UTF-8
        raise RulesError(str(error), where=f"lexicon/{name}", next_step="mend that line") from error
    for kind, concepts in tables.items():
        for key, terms in (concepts if isinstance(concepts, dict) else {kind: concepts}).items():
            yield Line(key, name.removesuffix(".toml"), kind, _checked(name, key, terms))


def _checked(name: str, key: str, terms: Any) -> dict[str, list[str]]:
    if not _well_formed(terms):
        raise RulesError(
            f"concept {key!r} is not {{ fr = [words], en = [words] }}",
            where=f"lexicon/{name}",
            next_step="write it like its neighbours",
        )
    return dict(terms)


def _well_formed(terms: Any) -> bool:
    fits = isinstance(terms, dict) and terms.keys() <= {"fr", "en"}
    return fits and all(isinstance(words, list) and all(map(_is_word, words)) for words in terms.values())


def _is_word(term: Any) -> bool:
    return isinstance(term, str) and bool(term.strip())


def _refuse_twins(lines: Iterable[Line]) -> None:
    seen: set[tuple[str, str]] = set()
    for line in lines:
        if (line.family, line.id) in seen:
            raise RulesError(
                f"concept {line.id!r} stands in two tables",
                where=f"lexicon/{line.family}.toml",
                next_step="join the two lines, or rename one",
            )
        seen.add((line.family, line.id))


# -- lines to terms -----------------------------------------------------------------------


def _terms(number: int, line: Line) -> Iterator[Term]:
    for language, terms in line.terms.items():
        for term in terms:
            yield _term(number, line, language, term)


def _term(number: int, line: Line, language: str, term: str) -> Term:
    exact, words = term.startswith("="), _words(term)
    keys = tuple(_key(word, language, exact=exact) for word in words)
    if not keys or keys[0] == GAP:
        raise RulesError(
            f"term {term!r} of concept {line.id!r} holds no word to start from",
            where=f"lexicon/{line.family}.toml",
            next_step="give it a full word first",
        )
    capitals = len(words) == 1 and len(words[0]) == 2 and term.removeprefix("=").isupper()
    return Term(number, keys, capitals, language, words)


def _words(term: str) -> tuple[str, ...]:
    bare = term.removeprefix("=")
    if bare == "n't":
        return (bare,)
    words = tuple(GAP if t.text == GAP else t.fold for t in tokenise(bare) if t.is_word or t.text == GAP)
    full = tuple(w for w in words if w not in SMALL)
    return words if term.startswith("=") or len(full) < 2 else full


def _key(word: str, language: str, *, exact: bool) -> str:
    if word == GAP:
        return GAP
    return "=" + word if exact or len(word) <= 2 or word == "n't" else stem_key(word, language)


# -- terms to tables ----------------------------------------------------------------------


def _by_first_key(terms: Iterable[Term]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for term in terms:
        table.setdefault(term.keys[0], []).append(term.pack())
    return table


def _spellings(terms: Iterable[Term]) -> dict[str, list[str]]:
    places = ((w, key) for t in terms for w, key in zip(t.words, t.keys, strict=True))
    uses = Counter(w for w, key in places if not key.startswith("=") and len(w) >= FUZZY_FROM and w.isalpha())
    table: dict[str, list[str]] = {}
    for word in sorted(uses, key=lambda w: (-uses[w], w)):
        table.setdefault(word[0], []).append(word)
    return table


def _listed(content: bytes) -> list[str]:
    return [line for line in content.decode().splitlines() if line and not line.startswith("#")]
