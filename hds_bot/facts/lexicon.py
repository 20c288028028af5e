"""The lexicon: concepts found in a turn whatever their form.

Concepts are data (`lexicon/*.toml`, see `compiling.py`). Inflection is met by stemming, accents and case by
folding, typing errors by edit distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import groupby

from rapidfuzz import process
from rapidfuzz.distance import OSA

from hds_bot.facts.compiling import FUZZY_FROM, GAP, Tables, Term
from hds_bot.facts.table_cache import load_tables
from hds_bot.facts.text import SMALL, Token, word_keys, word_set

GAP_WORDS = 3
SMALL_WORDS_BETWEEN = 3
NO_GAP_OVER = word_set("que qu' mais but sauf hormis except only")
FUZZY_TWO_FROM = 10
Place = tuple[int, int, int]
"""First token, last token, number of the concept."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A line of the lexicon."""

    id: str
    family: str
    kind: str
    terms: Mapping[str, Sequence[str]] = field(compare=False)
    """By language."""

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


class Lexicon:
    """All concepts, indexed by the first key of each term."""

    def __init__(self, tables: Tables) -> None:
        self._lines = [Concept(*line) for line in tables["lines"]]
        self.concepts = {concept.name: concept for concept in self._lines}
        self._packed, self._terms = tables["terms"], dict[str, list[Term]]()
        self._known, self._real_words = frozenset(tables["known"]), frozenset(tables["real_words"])
        self._spellings = tables["spellings"]
        self.correct = lru_cache(maxsize=16384)(self._nearest_spelling)
        """What a folded word is a slip of, if it is one."""

    def find(self, tokens: Sequence[Token], language: str = "fr") -> list[Mention]:
        """Find mentions, in order; one contained in a longer one is dropped.

        A word of the text's other language is met in its plain form only.
        """
        keys = [self._keys(token) for token in tokens]
        present = frozenset[str]().union(*keys)
        found = {
            (at, last, term.concept)
            for at in range(len(tokens))
            for term in self._starting(keys[at], present)
            if (last := _match(term.keys, tokens, keys, at)) is not None
            and self._fits(term, tokens[at], language)
        }
        return [Mention(self._lines[number], first, last) for first, last, number in _longest(found)]

    def spellings(self, concept: str, language: str) -> tuple[str, ...]:
        """Give the terms of a concept in a language, to widen a search."""
        return tuple(t for t in self.concepts[concept].terms.get(language, ()) if GAP not in t)

    def _keys(self, token: Token) -> frozenset[str]:
        corrected = self.correct(token.fold) if len(token.fold) >= FUZZY_FROM else None
        return token.keys | word_keys(corrected) if corrected else token.keys

    def _nearest_spelling(self, word: str) -> str | None:
        """Find the lexicon's word one error away, two for long words; None for a word that means itself."""
        if word in self._real_words or not word_keys(word).isdisjoint(self._known):
            return None
        allowed = 2 if len(word) >= FUZZY_TWO_FROM else 1
        known = self._spellings.get(word[0], ())
        nearest = process.extractOne(word, known, scorer=OSA.distance, score_cutoff=allowed)
        return nearest[0] if nearest else None

    def _starting(self, keys: frozenset[str], present: frozenset[str]) -> Iterator[Term]:
        """Yield terms that start with one of `keys` and whose last word stands somewhere in the turn."""
        for key in keys & self._packed.keys():
            for term in self._terms_of(key):
                if term.keys[-1] in present:
                    yield term

    def _terms_of(self, key: str) -> list[Term]:
        if key not in self._terms:
            self._terms[key] = [Term.unpack(packed) for packed in self._packed[key]]
        return self._terms[key]

    def _fits(self, term: Term, first: Token, language: str) -> bool:
        """Want capitals where due, and the plain form in the other language and of a decoy's single word."""
        if term.capitals and not first.text.isupper():
            return False
        decoy, foreign = self._lines[term.concept].family == "decoys", term.language != language
        if decoy and foreign:
            return False
        plain = first.fold.removesuffix("s")
        return not (foreign or (decoy and len(term.keys) == 1)) or any(
            word.removesuffix("s") == plain for word in term.words
        )


@cache
def load_lexicon() -> Lexicon:
    """Load the lexicon of the package. Raises `RulesError` naming file and line where one is malformed."""
    return Lexicon(load_tables())


def _match(
    items: Sequence[str], tokens: Sequence[Token], keys: Sequence[frozenset[str]], at: int
) -> int | None:
    """Give the last token of the term when it starts at `at`, else None."""
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
    """Find where `item` comes next, past small words (and up to three others where a gap allows)."""
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


def _longest(found: Iterable[Place]) -> list[Place]:
    """Put places in order, without those inside a longer one."""
    kept: list[Place] = []
    reach = -1
    for (_, end), same in groupby(sorted(found, key=_outermost_first), key=lambda place: place[:2]):
        if end > reach:
            kept.extend(same)
            reach = end
    return sorted(kept)


def _outermost_first(place: Place) -> tuple[int, int]:
    return place[0], -place[1]
