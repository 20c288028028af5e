"""Words of a turn: their place, their sentence, their folded form and the keys they are met under."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hds_bot.facts.language import guess_language
from hds_bot.facts.text import fold, stem_key, tokenise, word_keys

ANY_TEXT = st.text(max_size=200)


def words(turn: str) -> list[str]:
    return [token.text for token in tokenise(turn)]


def sentences(turn: str) -> list[str]:
    """The turn's words, sentence by sentence."""
    tokens = tokenise(turn)
    numbers = range(tokens[-1].sentence + 1)
    return [" ".join(t.text for t in tokens if t.sentence == number) for number in numbers]


# -- words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ("L'hôpital d’Évry", ["L'", "hôpital", "d’", "Évry"]),
        ("Qu'est-ce qu'un CMP ?", ["Qu'", "est", "-", "ce", "qu'", "un", "CMP", "?"]),
        ("J'n'ai", ["J'", "n'", "ai"]),
        ("We don't", ["We", "do", "n't"]),
        ("WE DON’T", ["WE", "DO", "n't"]),
        ("it's ours", ["it", "'s", "ours"]),
        ("we’re", ["we", "'re"]),
        ("the doctor's note", ["the", "doctor", "'s", "note"]),
        ("patients' records", ["patients", "'", "records"]),
        ("dossier_patient", ["dossier", "_", "patient"]),
        ("AES-256", ["AES", "-", "256"]),
        ("12,5 %", ["12", ",", "5", "%"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_a_turn_is_cut_into_words_and_signs(turn: str, expected: list[str]) -> None:
    assert words(turn) == expected


@given(ANY_TEXT)
@settings(deadline=None)
def test_every_token_lies_where_it_says_and_no_letter_is_lost(turn: str) -> None:
    tokens = tokenise(turn)
    places = [(token.start, token.end) for token in tokens]
    assert all(0 <= start < end <= len(turn) for start, end in places)
    assert places == sorted(places)
    assert all(before[1] <= after[0] for before, after in pairwise(places))
    covered = {i for start, end in places for i in range(start, end)}
    assert {i for i, sign in enumerate(turn) if sign.isalnum()} <= covered


@given(ANY_TEXT)
@settings(deadline=None)
def test_a_word_s_text_is_the_turn_s_own_but_for_the_kind_of_apostrophe(turn: str) -> None:
    for token in tokenise(turn):
        own = turn[token.start : token.end]
        assert re.sub("[’ʼ]", "'", own).lower() == re.sub("[’ʼ]", "'", token.text).lower()


# -- sentences ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ("Un. Deux ? Trois", ["Un .", "Deux ?", "Trois"]),
        ("Un\nDeux", ["Un", "Deux"]),
        ("Un ; deux", ["Un ;", "deux"]),
        ("Un !!! Deux", ["Un ! ! !", "Deux"]),
        ("Un. \n\n Deux", ["Un .", "Deux"]),
        ("La version 1.2 de app.doc", ["La version 1 . 2 de app . doc"]),
        ("Un… deux", ["Un …", "deux"]),
        ("... Un", [". . .", "Un"]),
        ("Non, merci : rien", ["Non , merci : rien"]),
    ],
)
def test_a_turn_is_cut_into_sentences(turn: str, expected: list[str]) -> None:
    assert sentences(turn) == expected


@given(ANY_TEXT)
@settings(deadline=None)
def test_sentences_are_numbered_from_nought_without_a_hole(turn: str) -> None:
    numbers = [token.sentence for token in tokenise(turn)]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(len(set(numbers))))


# -- forms --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Hôpital", "hopital"), ("ÉTÉ", "ete"), ("L’", "l'"), ("ﬁche", "fiche"), ("½", "1⁄2"), ("İ", "i")],
)
def test_folding_drops_case_accents_and_compatibility_forms(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(("text", "folded"), [("sœur", "soeur"), ("Œdème", "oedeme"), ("cæcum", "caecum")])
def test_folding_opens_ligatures(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(ANY_TEXT)
@settings(deadline=None)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("fr", ["anonymisé", "anonymisée", "anonymisés", "anonymisées", "anonymiser"]),
        ("fr", ["patient", "patients", "patiente", "patientes"]),
        ("fr", ["dossier", "dossiers"]),
        ("en", ["record", "records", "recorded", "recording"]),
        ("en", ["nurse", "nurses"]),
    ],
)
def test_inflections_share_a_key(language: str, forms: list[str]) -> None:
    assert len({stem_key(fold(form), language) for form in forms}) == 1


def test_a_word_is_met_as_it_is_and_by_its_stem_in_both_languages() -> None:
    assert word_keys("dossiers") == {"=dossiers", "fr:dossi", "en:dossier"}
    assert "=de" in word_keys("d'")


def test_stemming_in_several_threads_gives_what_one_gives() -> None:
    folded = [f"mot{n}ations" for n in range(500)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda word: stem_key(word, "fr"), folded)) == [
            stem_key(word, "fr") for word in folded
        ]


# -- language -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "language"),
    [
        (["Faut-il un hébergeur HDS ?"], "fr"),
        (["faut il etre hds pour un cabinet"], "fr"),
        (["Do we need HDS hosting?"], "en"),
        (["DO WE NEED HDS"], "en"),
        (["Do we need HDS hosting?", "OK"], "en"),
        (["Do we need HDS?", "Nous sommes un hôpital."], "fr"),
        (["HDS ?"], "fr"),
        ([""], "fr"),
    ],
)
def test_the_language_is_that_of_the_last_turn_that_tells(turns: list[str], language: str) -> None:
    assert guess_language(turns) == language
