"""List the real words that the lexicon would take for typing errors: `hds_bot/facts/lexicon/real_words.txt`.

    uv run --with pyspellchecker --with simplemma python benchmarks/list_real_words.py

To be run again when the lexicon has grown. A word is listed where the word lists of pyspellchecker hold it
with a count of its own, unless it is akin to the lexicon's word that it would be corrected to, or so rare,
beside one so common in questions, that the slip is likelier than the word.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import simplemma
from rapidfuzz.distance import Prefix
from spellchecker import SpellChecker

from hds_bot.facts.compiling import FUZZY_FROM, REAL_WORDS, compile_tables
from hds_bot.facts.lexicon import Lexicon
from hds_bot.facts.text import fold, tokenise

LEXICON = files("hds_bot.facts") / "lexicon"
QUESTIONS = Path(__file__).parents[1] / "tests" / "data" / "eval" / "questions.jsonl"
LANGUAGES = ("fr", "en")
UNCOUNTED = 50
"""What the lists give to a word that they know without having counted it."""
COMMON_IN_QUESTIONS, RARE = 3, 2000
KIN_FROM, MEDICAL_KIN_FROM, KIN_ENDING = 7, 5, 3
MEDICAL = {"health_data", "health_products", "establishments", "professions"}
SOURCE = f"pyspellchecker {version('pyspellchecker')}, MIT licence, © Tyler Barrus"
HEADER = f"""\
# Words that look like a typing error of a lexicon word and are none. Made by benchmarks/list_real_words.py.
# Source: the French and English word lists of {SOURCE}.
"""


def main() -> None:
    sources = {entry.name: entry.read_bytes() for entry in LEXICON.iterdir()}
    lexicon = Lexicon(compile_tables({name: data for name, data in sources.items() if name != REAL_WORDS}))
    words = sorted(confusable(lexicon))
    Path(str(LEXICON / REAL_WORDS)).write_text(HEADER + "\n".join(words) + "\n", encoding="utf-8")
    print(f"{len(words)} words")


def confusable(lexicon: Lexicon) -> Iterator[str]:
    """Folded real words that would be corrected to something else."""
    forms, counts, asked, medical = *word_lists(), words_of_questions(), medical_words(lexicon)
    for word, count in counts.items():
        known = lexicon.correct(word) if len(word) >= FUZZY_FROM and word.isalpha() else None
        if not known or count <= UNCOUNTED or (asked[known] >= COMMON_IN_QUESTIONS and count < RARE):
            continue
        if not kin(word, known, MEDICAL_KIN_FROM if known in medical else KIN_FROM) and not (
            lemmas(word, forms) & lemmas(known, forms)
        ):
            yield word


def word_lists() -> tuple[dict[str, set[tuple[str, str]]], Counter[str]]:
    """Folded word to its (word, language) forms, and to its highest count."""
    forms: dict[str, set[tuple[str, str]]] = {}
    counts: Counter[str] = Counter()
    for language in LANGUAGES:
        for word, count in SpellChecker(language=language).word_frequency.items():
            forms.setdefault(fold(word), set()).add((word, language))
            counts[fold(word)] = max(count, counts[fold(word)])
    return forms, counts


def words_of_questions() -> Counter[str]:
    rows = map(json.loads, QUESTIONS.read_text(encoding="utf-8").splitlines())
    return Counter(token.fold for row in rows for turn in row["turns"] for token in tokenise(turn))


def medical_words(lexicon: Lexicon) -> set[str]:
    concepts = [c for c in lexicon.concepts.values() if c.family in MEDICAL]
    return {fold(term) for concept in concepts for terms in concept.terms.values() for term in terms}


def kin(word: str, known: str, shared: int) -> bool:
    """One word's ending away from the other: « arthritic » may well stand for « arthritis »."""
    length = Prefix.similarity(word, known)
    return length >= shared and max(len(word), len(known)) - length <= KIN_ENDING


def lemmas(word: str, forms: dict[str, set[tuple[str, str]]]) -> set[str]:
    return {fold(simplemma.lemmatize(form, lang=language)) for form, language in forms.get(word, ())} | {word}


if __name__ == "__main__":
    main()
