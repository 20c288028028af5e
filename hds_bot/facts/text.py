"""Words of a turn with their place: folded, stemmed in French and English, cut into sentences."""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

import Stemmer

WORD = re.compile(r"[^\W_]+(?:['’ʼ](?=[^\W_]))?|[^\w\s]|_", re.UNICODE)
SENTENCE_END = frozenset(".?!…;\n")
APOSTROPHES = str.maketrans(dict.fromkeys("’ʼ‘`´", "'"))
LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae"})


def word_set(words: str) -> frozenset[str]:
    """Make a set of the words of a line."""
    return frozenset(words.split())


ELIDED = word_set("l' d' n' j' m' t' s' c' qu' jusqu' lorsqu' puisqu' quelqu' aujourd' presqu' quoiqu'")
SMALL = word_set(
    "de du des d' la le les l' un une au aux a en nos notre mes mon ma ses son sa leur leurs vos votre ce "
    "ces cet cette the an of 's ' our my their your his her its for - tout tous toute toutes"
)
"""Words that a term of several words may pass over."""
FULL = {"d'": "de", "l'": "le", "qu'": "que", "n'": "ne", "j'": "je", "s'": "se", "m'": "me", "c'": "ce"}
_stemmers = threading.local()


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign: `text == turn[start:end]`; `fold` without case or accents."""

    text: str
    start: int
    end: int
    fold: str
    keys: frozenset[str]
    """What a lexicon term can meet: `=fold`, `fr:stem`, `en:stem`."""
    sentence: int

    @property
    def is_word(self) -> bool:
        """False for punctuation."""
        return self.fold[:1].isalnum()


@lru_cache(maxsize=16)
def tokenise(turn: str) -> tuple[Token, ...]:
    """Tokens of a turn in order, each with the number of its sentence."""
    tokens: list[Token] = []
    sentence, breaking, last_end = 0, False, 0
    for text, start, end in _pieces(turn):
        breaking = breaking or "\n" in turn[last_end:start]
        ends = text in SENTENCE_END and not _inside_number(turn, start)
        if breaking and not ends and tokens:
            sentence, breaking = sentence + 1, False
        tokens.append(_token(text, start, end, sentence))
        breaking = breaking or ends
        last_end = end
    return tuple(tokens)


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Lower case, accents stripped, compatibility forms and apostrophes made plain."""
    plain = unicodedata.normalize("NFKD", text.translate(APOSTROPHES).translate(LIGATURES))
    return "".join(c for c in plain if not unicodedata.combining(c)).lower()


@lru_cache(maxsize=65536)
def stem(folded: str, language: str) -> str:
    """Snowball stem of a folded word (`language`: fr or en)."""
    return str(_stemmer(language).stemWord(folded))


@lru_cache(maxsize=65536)
def word_keys(folded: str) -> frozenset[str]:
    """Every form under which a term can meet this word."""
    full = FULL.get(folded, folded)
    return frozenset({"=" + folded, "=" + full, stem_key(folded, "fr"), stem_key(folded, "en")})


def stem_key(folded: str, language: str) -> str:
    """Make the key that a word's inflections share in a language: `fr:stem` or `en:stem`."""
    return f"{language}:{stem(_masculine(folded) if language == 'fr' else folded, language)}"


def _masculine(folded: str) -> str:
    """« inventées » without its accent would stem apart from « inventé »."""
    return folded[:-2] if folded.endswith("ees") else folded[:-1] if folded.endswith("ee") else folded


def _stemmer(language: str) -> Stemmer.Stemmer:
    """PyStemmer objects are not thread-safe: one a thread and language."""
    name = {"fr": "french", "en": "english"}[language]
    if not hasattr(_stemmers, name):
        setattr(_stemmers, name, Stemmer.Stemmer(name))
    return getattr(_stemmers, name)


def _pieces(turn: str) -> list[tuple[str, int, int]]:
    """Raw pieces; an elided article is cut from its word, an English 's or n't stands alone."""
    pieces: list[tuple[str, int, int]] = []
    for match in WORD.finditer(turn):
        text, start, end = match.group(), match.start(), match.end()
        previous = pieces[-1] if pieces else None
        if text[-1] in "'’ʼ" and len(text) > 1 and fold(text) not in ELIDED:
            pieces += [(text[:-1], start, end - 1), (text[-1], end - 1, end)]
        elif previous and previous[0] in "'’ʼ" and previous[2] == start and fold(text) in _CLITICS:
            _join_clitic(pieces, text, end)
        else:
            pieces.append((text, start, end))
    return pieces


_CLITICS = word_set("s t re ve ll d m")


def _join_clitic(pieces: list[tuple[str, int, int]], text: str, end: int) -> None:
    """Make do n't of don ' t, and we 're of we ' re."""
    _, start, _ = pieces.pop()
    word = pieces[-1] if pieces else ("", start, start)
    if fold(text) == "t" and word[0][-1:].lower() == "n" and word[2] == start and len(word[0]) > 2:
        pieces[-1] = (word[0][:-1], word[1], word[2] - 1)
        pieces.append(("n't", word[2] - 1, end))
        return
    pieces.append(("'" + text, start, end))


def _inside_number(turn: str, at: int) -> bool:
    return turn[at] == "." and turn[at - 1 : at].isalnum() and turn[at + 1 : at + 2].isalnum()


@cache
def _sign_keys(text: str) -> frozenset[str]:
    return frozenset({"=" + text})


def _token(text: str, start: int, end: int, sentence: int) -> Token:
    folded = fold(text)
    keys = word_keys(folded) if folded[:1].isalnum() else _sign_keys(folded)
    return Token(text, start, end, folded, keys, sentence)
