"""Passages: exact slices, nothing lost, order kept, size bound, lists with their lead-in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hds_bot.corpus import split
from hds_bot.corpus.readers.markdown import read_markdown
from hds_bot.types import Document, Passage, Section

WORD = "hébergement "
HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="ab .!?;:•-\n\t»)1", max_size=400),
    st.lists(
        st.sampled_from(
            ["• un", "- deux", "  • trois", "1. quatre", "Cinq.", "Six :", "", "x" * 70, "a | b", "🙂" * 9]
        )
    ).map("\n".join),
)


def document(text: str, **fields: object) -> Document:
    return Document(id="d", title="Titre", text=text, **fields)  # type: ignore[arg-type]


def from_markdown(text: str) -> Document:
    content = read_markdown(text.encode(), "d.md")
    return document(content.text, sections=content.sections, pages=content.pages)


def visible(text: str) -> str:
    return "".join(text.split())


def assert_sound(source: Document, passages: tuple[Passage, ...], max_chars: int) -> None:
    sections = source.sections or (Section((), 0, len(source.text)),)
    assert all(source.text[p.start : p.end] == p.text == p.text.strip() != "" for p in passages)
    assert all(len(p.text) <= max_chars for p in passages)
    assert all(before.end <= after.start for before, after in pairwise(passages))
    assert all(
        any(s.start <= p.start and p.end <= s.end and p.section == s.path for s in sections) for p in passages
    )
    bodies = "".join(source.text[s.start : s.end] for s in sections)
    assert visible("".join(p.text for p in passages)) == visible(bodies)
    assert len({p.id for p in passages}) == len(passages)


@given(text=HOSTILE, max_chars=st.integers(1, 80))
@example(text="x" * 5000, max_chars=600)
@example(text=" " * 5000, max_chars=600)
@example(text="🙂" * 5000, max_chars=600)
@example(text="mot sans ponctuation " * 400, max_chars=600)
@example(text="Fin." + " " * 3000 + "Suite" + "!" * 3000, max_chars=600)
@example(text="• " + "a" * 700 + "\n• b\n\n\n\n• c", max_chars=600)
@settings(max_examples=300, deadline=None)
def test_any_text_is_cut_into_exact_slices_that_lose_nothing(text: str, max_chars: int) -> None:
    source = document(text)
    assert_sound(source, split(source, max_chars=max_chars), max_chars)


@given(
    blocks=st.lists(
        st.sampled_from(
            ["# A", "## B", "### C", "---", "Phrase. " * 12, "Avant :\n\n- un\n- deux", "1. x\n2. y", "> z"]
        )
    ),
    max_chars=st.integers(20, 200),
)
@settings(max_examples=200, deadline=None)
def test_any_markdown_is_cut_inside_its_sections(blocks: list[str], max_chars: int) -> None:
    source = from_markdown("\n\n".join(["Début.", *blocks]))
    assert_sound(source, split(source, max_chars=max_chars), max_chars)


def test_neighbouring_blocks_of_a_section_share_a_passage_while_they_fit() -> None:
    (passage,) = split(from_markdown("# A\n\nUn.\n\nDeux :\n\n- x\n- y\n\nTrois."))
    assert passage.text == "Un.\n\nDeux :\n• x\n• y\n\nTrois."


def test_a_passage_never_crosses_a_heading() -> None:
    assert [p.text for p in split(from_markdown("# A\n\nUn.\n\n## B\n\nDeux."))] == ["Un.", "Deux."]


def test_a_list_keeps_its_lead_in_sentence_where_the_paragraph_before_it_is_cut() -> None:
    long = "Une phrase qui remplit le paragraphe. " * 15
    first, second = split(from_markdown(f"{long}Sont concernés :\n\n- les hôpitaux\n- les cliniques"))
    assert first.text.endswith("le paragraphe.")
    assert second.text.endswith("Sont concernés :\n• les hôpitaux\n• les cliniques")


def test_a_long_list_is_cut_between_items_and_each_later_part_has_the_lead_in_as_context() -> None:
    items = [f"acteur numéro {n} : {WORD * 5}".strip() for n in range(20)]
    passages = split(from_markdown("# A\n\nSont concernés :\n\n" + "\n".join(f"- {item}" for item in items)))
    assert len(passages) > 2
    lines = [line for p in passages for line in p.text.split("\n")]
    assert lines == ["Sont concernés :", *(f"• {item}" for item in items)]
    assert passages[0].context == "Titre > A"
    assert {p.context for p in passages[1:]} == {"Titre > A\nSont concernés :"}


def test_the_rows_of_a_long_table_have_its_header_as_context() -> None:
    rows = "".join(f"| acteur {n} | {WORD * 6}|\n" for n in range(12))
    passages = split(from_markdown(f"| Qui | Quoi |\n|---|---|\n{rows}"))
    assert len(passages) > 1
    assert all(p.context.endswith("Qui | Quoi") for p in passages[1:])


def test_a_short_tail_is_evened_out_rather_than_left_alone() -> None:
    sizes = [len(p.text) for p in split(document("Une phrase de vingt-six car. " * 22))]
    assert len(sizes) == 2
    assert min(sizes) > 200


def test_a_long_paragraph_is_cut_at_sentences_and_not_at_abbreviations() -> None:
    text = " ".join(["Selon l’art. L. 1111-8 du code, al. 2, M. Dupont héberge des données."] * 20)
    assert all(p.text.endswith("données.") for p in split(document(text)))


def test_the_id_depends_on_document_context_and_text_alone() -> None:
    short, long = document("Un.\n\nDeux."), document("Zéro.\n\nUn.\n\nDeux.")
    assert split(short, max_chars=5)[0].id == split(long, max_chars=5)[1].id
    other = Document(id="e", title="Titre", text="Un.\n\nDeux.")
    assert split(short)[0].id != split(other)[0].id


def test_the_same_words_twice_in_a_document_get_stable_ids_of_their_own() -> None:
    ids = [p.id for p in split(from_markdown("# A\n\nUn.\n\n# A\n\nUn."))]
    assert ids[1] == f"{ids[0]}-2"


@pytest.mark.parametrize(("word", "page"), [("un", 1), ("deux", 2), ("quatre", 4)])
def test_a_passage_knows_its_page_even_after_an_empty_one(word: str, page: int) -> None:
    text = "un\n\ndeux\n\nquatre"
    source = document(text, pages=(0, 2, 8, 8))
    assert {p.text: p.page for p in split(source, max_chars=6)}[word] == page


def test_a_document_without_pages_gives_none() -> None:
    assert split(document("Un."))[0].page is None


def test_what_is_indexed_has_the_heading_path_and_what_is_shown_has_not() -> None:
    (passage,) = split(from_markdown("# A\n\n## B\n\nUn."))
    assert passage.text == "Un."
    assert passage.indexed_text == "Titre > A > B\nUn."
