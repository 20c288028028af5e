"""The Markdown of the guidance says what the guidance says, word for word."""

from __future__ import annotations

import re
from pathlib import Path

from hds_bot.corpus import fold, read_corpus, split
from hds_bot.types import Document

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "tests/data/corpus_guidance.txt"
MARKDOWN = ROOT / "corpus/qui-doit-utiliser-un-hebergeur-hds.md"


def words(text: str) -> list[str]:
    return text.replace("•", " ").split()


def guidance() -> Document:
    return next(
        document for document in read_corpus(MARKDOWN.parent).documents if document.id == MARKDOWN.stem
    )


def test_the_markdown_without_its_marks_has_the_same_words_in_the_same_order() -> None:
    body = MARKDOWN.read_text(encoding="utf-8").split("---\n", 2)[2]
    unmarked = re.sub(r"^(#{1,6} |- |---$)", "", body, flags=re.MULTILINE)
    assert words(unmarked) == words(SOURCE.read_text(encoding="utf-8"))


def test_the_document_read_from_it_has_the_same_words_in_the_same_order() -> None:
    assert words(guidance().text) == words(SOURCE.read_text(encoding="utf-8"))


def test_every_word_below_a_heading_is_in_one_passage_and_no_other() -> None:
    document = guidance()
    headings = [section.path[-1] for section in document.sections if section.path]
    outside = words(" ".join([document.title, *headings]))
    inside = words(" ".join(passage.text for passage in split(document)))
    assert sorted(outside + inside) == sorted(words(document.text))


def test_each_passage_answers_one_thing() -> None:
    passages = {passage.section[-1:] or passage.start: passage for passage in split(guidance())}
    exclusions = passages[("Les cas exclus",)].text
    assert "Données complètement anonymisées" in exclusions
    assert "un simple chiffrement n’est pas une anonymisation" in exclusions
    start_ups = passages[("4. Startups et entreprises tech manipulant des données sensibles",)].text
    assert "Vous êtes concerné si votre produit traite :\n• des données biométriques," in start_ups
    assert start_ups.endswith("Même un POC (proof of concept) peut être concerné.")
    practices = passages[("2. Cabinets médicaux et paramédicaux",)].text
    assert practices.startswith("Même un petit cabinet")
    assert practices.endswith("ostéopathes, etc.")


def test_the_conclusion_belongs_to_the_document_and_not_to_the_exclusions() -> None:
    last = split(guidance())[-1]
    assert last.section == ()
    assert fold(last.text).startswith("L'hébergement HDS concerne un large spectre")


def test_no_publisher_licence_or_date_is_claimed_that_the_source_does_not_give() -> None:
    document = guidance()
    assert (document.publisher, document.licence, document.date) == ("", "", "")
    assert (document.authority, document.status, document.language) == ("guide", "in_force", "fr")
