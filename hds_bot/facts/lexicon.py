"""The lexicon: concepts as data (`lexicon/*.toml`), found in a turn whatever their form.

A file is a family, a table a kind, a line a concept with French and English terms. In a term,
`…` stands for up to three other words and a leading `=` asks for exactly that form. Inflection is met
by stemming, accents and case by folding, typing errors by edit distance.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from rapidfuzz.distance import OSA

from hds_bot.errors import RulesError
from hds_bot.facts.text import Token, fold, tokenise, word_keys

GAP = "…"
GAP_WORDS = 3
SMALL_WORDS_BETWEEN = 3
SMALL = frozenset(
    "de du des d' la le les l' un une au aux a en nos notre mes mon ma ses son sa leur leurs vos votre ce ces cet cette "
    "the an of 's ' our my their your his her its for - tout tous toute toutes".split()
)
NO_GAP_OVER = frozenset("que qu' mais but sauf hormis except only".split())
FUZZY_FROM = 6
FUZZY_TWO_FROM = 10


@dataclass(frozen=True, slots=True)
class Concept:
    """A line of the lexicon."""

    id: str
    family: str
    kind: str
    terms: tuple[tuple[str, str], ...] = field(compare=False)
    """(language, term) pairs."""

    @property
    def name(self) -> str:
        """Unique in the lexicon: family and id."""
        return f"{self.family}.{self.id}"


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept met in a turn: tokens `first` to `last` inclusive."""

    concept: Concept
    first: int
    last: int

    @property
    def family(self) -> str:
        """The concept's file."""
        return self.concept.family

    @property
    def kind(self) -> str:
        """The concept's table."""
        return self.concept.kind


@dataclass(frozen=True, slots=True)
class _Term:
    concept: Concept
    items: tuple[str, ...]
    """Keys to meet, in order, `…` for a gap."""
    capitals: bool
    """A two-letter acronym, met in capitals only."""
    language: str
    words: frozenset[str]


class Lexicon:
    """All concepts, indexed by the first key of each term."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self.concepts = {c.name: c for c in concepts}
        self._by_first: dict[str, list[_Term]] = {}
        self._known: set[str] = set()
        self._spellings: dict[tuple[str, int], set[str]] = {}
        for concept in self.concepts.values():
            for language, term in concept.terms:
                self._add(concept, language, term)
        self._correct = lru_cache(maxsize=16384)(self._nearest_spelling)

    def find(self, tokens: Sequence[Token], language: str = "fr") -> list[Mention]:
        """Mentions in order; one contained in a longer one is dropped. A word of the text's other language is met
        in its plain form only."""
        keys = [self._keys(token) for token in tokens]
        found: set[Mention] = set()
        for at in range(len(tokens)):
            found |= self._at(tokens, keys, at, language)
        return _longest(found)

    def spellings(self, concept: str, language: str) -> tuple[str, ...]:
        """The terms of a concept in a language, to widen a search."""
        return tuple(t for lang, t in self.concepts[concept].terms if lang == language and GAP not in t)

    def _add(self, concept: Concept, language: str, term: str) -> None:
        exact, words = term.startswith("="), _term_words(term)
        items = tuple(_item(word, language, exact=exact) for word in words)
        if not items or items[0] == GAP:
            raise RulesError(
                f"term {term!r} of concept {concept.id!r} holds no word to start from",
                where=f"lexicon/{concept.family}.toml",
                next_step="give it a full word first",
            )
        capitals = len(words) == 1 and len(words[0]) == 2 and term.removeprefix("=").isupper()
        self._by_first.setdefault(items[0], []).append(_Term(concept, items, capitals, language, frozenset(words)))
        self._known.update(item for item in items if item != GAP)
        for word in () if exact else words:
            if len(word) >= FUZZY_FROM and word.isalpha():
                self._spellings.setdefault((word[0], len(word)), set()).add(word)

    def _keys(self, token: Token) -> frozenset[str]:
        if not token.is_word or not token.keys.isdisjoint(self._known) or len(token.fold) < FUZZY_FROM:
            return token.keys
        corrected = self._correct(token.fold)
        return token.keys | word_keys(corrected) if corrected else token.keys

    def _nearest_spelling(self, word: str) -> str | None:
        """The lexicon's word one slip away (two for long words), same first letter."""
        allowed = 2 if len(word) >= FUZZY_TWO_FROM else 1
        best: tuple[int, str] | None = None
        for size in range(len(word) - allowed, len(word) + allowed + 1):
            for known in self._spellings.get((word[0], size), ()):
                distance = OSA.distance(word, known, score_cutoff=allowed)
                if distance <= allowed and (best is None or (distance, known) < best):
                    best = (distance, known)
        return best[1] if best else None

    def _at(
        self, tokens: Sequence[Token], keys: Sequence[frozenset[str]], at: int, language: str
    ) -> set[Mention]:
        found = set()
        for key in keys[at]:
            for term in self._by_first.get(key, ()):
                last = _match(term.items, tokens, keys, at)
                if last is not None and _fits(term, tokens, at, language):
                    found.add(Mention(term.concept, at, last))
        return found


@cache
def load_lexicon() -> Lexicon:
    """The lexicon of the package. Raises `RulesError` naming file and line where one is malformed."""
    concepts: dict[str, Concept] = {}
    folder = files("hds_bot.facts") / "lexicon"
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            for concept in _read_family(entry.name, entry.read_text(encoding="utf-8")):
                _refuse_twice(concepts, concept)
                concepts[concept.name] = concept
    return Lexicon(concepts.values())


def _read_family(name: str, text: str) -> Iterable[Concept]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(str(error), where=f"lexicon/{name}", next_step="mend that line") from error
    family = name.removesuffix(".toml")
    for kind, lines in tables.items():
        for key, terms in lines.items():
            yield Concept(key, family, kind, _terms(name, key, terms))


def _terms(name: str, key: str, terms: Any) -> tuple[tuple[str, str], ...]:
    fits = isinstance(terms, dict) and terms.keys() <= {"fr", "en"}
    if not fits or not all(isinstance(t, str) and t.strip() for ts in terms.values() for t in ts):
        raise RulesError(
            f"concept {key!r} is not {{ fr = [words], en = [words] }}",
            where=f"lexicon/{name}",
            next_step="write it like its neighbours",
        )
    return tuple((language, term) for language, words in terms.items() for term in words)


def _refuse_twice(concepts: dict[str, Concept], concept: Concept) -> None:
    if concept.name in concepts:
        raise RulesError(
            f"concept {concept.id!r} stands in two tables",
            where=f"lexicon/{concept.family}.toml",
            next_step="join the two lines, or rename one",
        )


def _term_words(term: str) -> tuple[str, ...]:
    bare = term.removeprefix("=")
    if bare == "n't":
        return (bare,)
    words = [GAP if t.text == GAP else t.fold for t in tokenise(bare) if t.is_word or t.text == GAP]
    if term.startswith("="):
        return tuple(words)
    full = tuple(w for w in words if w not in SMALL)
    return full if len(full) > 1 else tuple(words)


def _item(word: str, language: str, *, exact: bool) -> str:
    if word == GAP:
        return GAP
    if exact or len(word) <= 2 or word == "n't":
        return "=" + word
    return next(k for k in word_keys(word) if k.startswith(language + ":"))


def _fits(term: _Term, tokens: Sequence[Token], at: int, language: str) -> bool:
    """Capitals where they are asked for; plain form in the other language and for a decoy's single word."""
    if term.capitals and not tokens[at].text.isupper():
        return False
    foreign = term.language != language
    if foreign and term.concept.family == "decoys":
        return False
    single_decoy = term.concept.family == "decoys" and len(term.items) == 1
    return not (foreign or single_decoy) or tokens[at].fold.removesuffix("s") in _singular(term.words)


@lru_cache(maxsize=16384)
def _singular(words: frozenset[str]) -> frozenset[str]:
    return frozenset(word.removesuffix("s") for word in words)


def _match(
    items: tuple[str, ...], tokens: Sequence[Token], keys: Sequence[frozenset[str]], at: int
) -> int | None:
    """Last token of the term when it starts at `at`, else None."""
    last, room = at, SMALL_WORDS_BETWEEN
    for item in items[1:]:
        if item == GAP:
            room = GAP_WORDS + SMALL_WORDS_BETWEEN
            continue
        following = _next(item, tokens, keys, last + 1, any_word=room > SMALL_WORDS_BETWEEN)
        if following is None:
            return None
        last, room = following, SMALL_WORDS_BETWEEN
    return last


def _next(
    item: str, tokens: Sequence[Token], keys: Sequence[frozenset[str]], at: int, *, any_word: bool
) -> int | None:
    """Where `item` comes next, past small words (and up to three others where a gap allows)."""
    small, others = SMALL_WORDS_BETWEEN, GAP_WORDS if any_word else 0
    while at < len(tokens):
        if item in keys[at]:
            return at
        if tokens[at].fold in SMALL and small:
            small -= 1
        elif others and tokens[at].is_word and tokens[at].fold not in NO_GAP_OVER:
            others -= 1
        else:
            return None
        at += 1
    return None


def _longest(found: Iterable[Mention]) -> list[Mention]:
    """In order, without those inside a longer one."""
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda m: (m.first - m.last, m.first, m.concept.id)):
        inside = any(k.first <= mention.first and mention.last <= k.last and _span(k) > _span(mention) for k in kept)
        if not inside:
            kept.append(mention)
    return sorted(kept, key=lambda m: (m.first, m.last, m.concept.id))


def _span(mention: Mention) -> int:
    return mention.last - mention.first


def folded_terms(concept: Concept) -> tuple[str, ...]:
    """The concept's terms, folded; for editors and tests."""
    return tuple(fold(term.removeprefix("=")) for _, term in concept.terms)
