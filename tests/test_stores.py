"""What every store keeps to: what is written comes back, searches agree, a build is seen whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from index_builds import DIMENSION, corpus, unit_vectors
from stores import BOTH

from hds_bot.errors import CorpusError, EncoderError, IndexBusy, IndexMissing
from hds_bot.index import Manifest
from hds_bot.stores import FolderStore, Generation, Store
from hds_bot.types import Document, FloatArray, Passage

pytestmark = pytest.mark.parametrize("store", BOTH, indirect=True)


def build(
    store: Store, *, word: str = "texte", documents: int = 3, each: int = 4, rows: FloatArray | None = None
) -> Manifest:
    """Publish a small generation whose every part depends on the word."""
    made, passages = corpus(documents, each, word=word)
    with store.build() as draft:
        draft.write(made, passages, unit_vectors(len(passages), word=word) if rows is None else rows)
        return draft.publish(version="1", encoder="fake", corpus_sha256=word, settings={"size": 600})


def build_texts(store: Store, texts: Sequence[str]) -> None:
    """Publish one document, a passage a text."""
    passages = [Passage(f"{at:016x}", "d", "t", (), text, 0, len(text)) for at, text in enumerate(texts)]
    with store.build() as draft:
        draft.write([Document("d", "t", "")], passages, unit_vectors(len(texts)))
        draft.publish(version="1", encoder="fake", corpus_sha256="", settings={})


@pytest.fixture
def index(store: Store) -> Iterator[Generation]:
    """Three documents of four passages, opened."""
    build(store)
    with closing(store.open(verification="full")) as opened:
        yield opened


# -- what is written comes back -----------------------------------------------------------


def test_documents_and_passages_come_back_equal(index: Generation) -> None:
    documents, passages = corpus()
    assert dict(index.documents) == {document.id: document for document in documents}
    assert index.passages(range(len(passages))) == tuple(passages)
    assert index.passages([5, 0, 5]) == (passages[5], passages[0], passages[5])
    assert index.passages_of("doc/1") == tuple(passages[4:8])
    assert index.passages_of("doc/9") == index.passages_of("\x00") == ()
    assert index.passage_by_id(passages[7].id) == passages[7]


def test_a_passage_keeps_its_page_context_and_odd_characters(store: Store) -> None:
    text = "« l’hébergeur » ﷺ \U0001f600 'quote' \\ {x} %s \n"
    passage = Passage("id", "d", "t", ("a", "b"), text, 0, len(text), page=7, context="A > B")
    with store.build() as draft:
        draft.write([Document("d", "t", text)], [passage], unit_vectors(1))
        draft.publish(version="1", encoder="fake", corpus_sha256="", settings={})
    with closing(store.open()) as index:
        assert index.passages([0]) == (passage,)
        assert index.documents["d"].text == text


def test_entries_say_what_a_filter_needs(index: Generation) -> None:
    assert [(e.id, e.authority, e.status, e.tags, e.first, e.after) for e in index.entries] == [
        ("doc/0", "law", "in_force", ("soins", "n0"), 0, 4),
        ("doc/1", "guide", "in_force", ("soins", "n1"), 4, 8),
        ("doc/2", "guide", "superseded", ("soins", "n2"), 8, 12),
    ]


def test_unknown_documents_and_passages_are_a_lookup_error(index: Generation) -> None:
    for look_up in (
        lambda: index.documents["doc/9"],
        lambda: index.documents["\x00"],
        lambda: index.passage_by_id("no"),
        lambda: index.passage_by_id("\x00"),
        lambda: index.passages([12]),
        lambda: index.passages([-1]),
    ):
        with pytest.raises(LookupError):
            look_up()


def test_the_manifest_names_its_origin_and_seals_every_part(store: Store) -> None:
    manifest = build(store)
    with closing(store.open(verification="full")) as index:
        assert index.manifest == store.manifest() == manifest
        assert index.generation == store.current()
    assert manifest.encoder == "fake"
    assert (manifest.dimension, manifest.passages, manifest.documents) == (DIMENSION, 12, 3)
    assert manifest.settings == {"size": 600}
    assert len(manifest.files) >= 3
    assert all(seal.bytes > 0 for seal in manifest.files.values())


def test_the_hash_of_the_passages_is_that_of_any_other_store(store: Store, tmp_path: Path) -> None:
    assert build(store).passages_sha256 == build(FolderStore(tmp_path / "other")).passages_sha256


def test_equal_builds_have_equal_content_and_different_names(store: Store) -> None:
    first = build(store)
    first_name = store.current()
    assert build(store).content == first.content
    assert store.current() != first_name
    assert build(store, word="autre").content != first.content


# -- nearest vectors ----------------------------------------------------------------------


def test_search_is_exact_and_ordered(store: Store) -> None:
    build(store, documents=3, each=200)
    rows, query = unit_vectors(600), unit_vectors(1, word="autre")[0]
    with closing(store.open()) as index:
        scores, ordinals = index.search(query, 10)
    expected = np.argsort(-(rows @ query), kind="stable")[:10]
    assert ordinals.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, (rows @ query)[expected], atol=1e-6)


def test_search_returns_only_what_is_allowed_and_no_more_than_there_is(index: Generation) -> None:
    allowed = np.zeros(12, dtype=np.bool_)
    assert len(index.search(unit_vectors(1)[0], 10, allowed=allowed)[1]) == 0
    allowed[[3, 8, 9, 11]] = True
    assert sorted(index.search(unit_vectors(1)[0], 10, allowed=allowed)[1].tolist()) == [3, 8, 9, 11]
    assert len(index.search(unit_vectors(1)[0], 100)[1]) == 12


def test_equal_vectors_come_in_order_of_their_passages(store: Store) -> None:
    build(store, documents=1, each=5, rows=np.repeat(unit_vectors(1), 5, axis=0))
    with closing(store.open()) as index:
        assert index.search(unit_vectors(1)[0], 5)[1].tolist() == [0, 1, 2, 3, 4]
        assert index.search(unit_vectors(1)[0], 2)[1].tolist() == [0, 1]


def test_known_vectors_are_found_by_their_words_whatever_the_document(index: Generation) -> None:
    _, passages = corpus()
    known = index.vectors_for([passages[7].indexed_text, "nouveau", passages[2].indexed_text])
    assert index.vectors_for(["nouveau"]) == {}
    assert set(known) == {passages[7].indexed_text, passages[2].indexed_text}
    np.testing.assert_array_equal(known[passages[7].indexed_text], unit_vectors(12)[7])


def clustered(count: int, *, seed: int = 0) -> FloatArray:
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(50, DIMENSION))
    rows = centres[draw.integers(50, size=count)] + draw.normal(size=(count, DIMENSION)) * 0.7
    unit: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture
def large(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Generation, FloatArray]]:
    """An index past the size of exact search, and its vectors: 4 000 in clusters."""
    monkeypatch.setattr("hds_bot.index.vectors.EXACT_UP_TO", 1000)
    rows = clustered(4000)
    build(store, documents=40, each=100, rows=rows)
    with closing(store.open()) as index:
        yield index, rows


@pytest.mark.parametrize("every", [1, 2])
def test_a_large_index_finds_nearly_all_true_neighbours(
    large: tuple[Generation, FloatArray], every: int
) -> None:
    index, rows = large
    allowed = np.arange(4000) % every == 0
    found = 0
    for query in clustered(100, seed=every):
        true = np.flatnonzero(allowed)[np.argsort(-(rows[allowed] @ query))[:10]]
        scores, ordinals = index.search(query, 10, allowed=None if every == 1 else allowed)
        np.testing.assert_allclose(scores, (rows @ query)[ordinals], atol=1e-6)
        assert allowed[ordinals].all()
        found += len(set(true.tolist()) & set(ordinals.tolist()))
    assert found / 1000 >= 0.97


def test_a_large_index_is_exact_among_few_allowed_passages(large: tuple[Generation, FloatArray]) -> None:
    index, rows = large
    query = clustered(1, seed=2)[0]
    allowed = np.zeros(4000, dtype=np.bool_)
    allowed[7::400] = True
    assert index.search(query, 20, allowed=allowed)[1].tolist() == sorted(
        np.flatnonzero(allowed).tolist(), key=lambda ordinal: -float(rows[ordinal] @ query)
    )


# -- words --------------------------------------------------------------------------------

TEXTS = [
    "L’hébergement des données de santé est obligatoire pour les hôpitaux.",
    "Les cabinets médicaux gardent les dossiers de leurs patients dans un logiciel.",
    "Les données anonymisées ne sont pas des données de santé.",
    "Un éditeur de logiciel qui héberge des dossiers doit être certifié ISO27001.",
    "Lorsqu'un œuvre caritative n'a que des adhérents, rien n'est exigé.",
]


@pytest.fixture
def words(store: Store) -> Iterator[Generation]:
    build_texts(store, TEXTS)
    with closing(store.open()) as index:
        yield index


@pytest.mark.parametrize(
    ("query", "ordinal"),
    [
        ("hébergement", 0),
        ("HEBERGEMENTS", 0),
        ("de l’hébergement", 0),
        ("l'hôpital : l'hopital, des hopitaux", 0),
        ("cabinet médical", 1),
        ("données anonymisees", 2),
        ("d'éditeurs", 3),
        ("qu'un editeur", 3),
        ("iso27001", 3),
        ("oeuvres caritatives", 4),
        ("ŒUVRE", 4),
    ],
)
def test_case_accents_elisions_ligatures_and_endings_make_no_difference(
    words: Generation, query: str, ordinal: int
) -> None:
    assert words.search_words(query, 5)[1][0] == ordinal


@pytest.mark.parametrize(
    "query", ["", "  \n", "?!…", "le la les", "the of and", "l'", "健康数据", "🏥", "inconnu", "'\\ | & :*"]
)
def test_a_query_without_a_known_word_finds_nothing(words: Generation, query: str) -> None:
    scores, ordinals = words.search_words(query, 5)
    assert (len(scores), len(ordinals)) == (0, 0)


def test_scores_fall_and_only_passages_that_share_a_word_come_back(words: Generation) -> None:
    scores, ordinals = words.search_words("données de santé", 5)
    assert sorted(ordinals.tolist()) == [0, 2]
    assert scores[0] >= scores[1] > 0


def test_extra_terms_are_searched_as_well_and_repeated_ones_do_not_count_twice(words: Generation) -> None:
    assert words.search_words("santé", 5, extra_terms=["cabinet médical"])[1].tolist()[0] == 1
    alone, repeated = words.search_words("santé", 5), words.search_words("santé", 5, extra_terms=["la santé"])
    np.testing.assert_array_equal(alone[0], repeated[0])


def test_only_allowed_passages_come_back(words: Generation) -> None:
    allowed = np.array([False, True, True, True, True])
    assert words.search_words("données de santé", 5, allowed=allowed)[1].tolist() == [2]


def test_equals_at_the_cut_are_those_of_lowest_ordinal(store: Store) -> None:
    build_texts(store, ["autre"] + ["dossier"] * 9)
    with closing(store.open()) as index:
        assert index.search_words("dossier", 3)[1].tolist() == [1, 2, 3]


def test_scores_are_those_of_bm25s_itself(store: Store) -> None:
    from bm25s import BM25

    draw = np.random.default_rng(1)
    rows = [[f"mot{int(40 * number**2):02}" for number in draw.random(length)] for length in range(3, 200)]
    build_texts(store, [" ".join(row) for row in rows])
    peer = BM25(k1=1.5, b=0.75)
    peer.index(rows, show_progress=False)
    query = ["mot03", "mot20", "mot39", "mot39"]
    expected = peer.get_scores(query)
    with closing(store.open()) as index:
        scores, ordinals = index.search_words(" ".join(query), 197)
    np.testing.assert_allclose(scores, expected[ordinals], rtol=1e-5)
    assert set(ordinals.tolist()) == set(np.flatnonzero(expected).tolist())


@pytest.mark.parametrize("query", ["ﷺ" * 20_000, "santé " * 20_000, "e\u0301" * 50_000, "\x00\u202esanté"])
def test_huge_and_hostile_queries_are_answered(words: Generation, query: str) -> None:
    assert len(words.search_words(query, 5)[1]) == (2 if "santé" in query else 0)


def test_threads_may_search_at_once(words: Generation) -> None:
    queries = ["hébergement", "cabinet", "anonymisées", "éditeur", "œuvre"] * 20
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda query: int(words.search_words(query, 5)[1][0]), queries)
        assert list(found) == [0, 1, 2, 3, 4] * 20


# -- what fails changes nothing -----------------------------------------------------------


def test_no_index_is_said_to_be_missing(store: Store) -> None:
    assert store.current() is None
    for read in (store.open, store.manifest):
        with pytest.raises(IndexMissing, match="hds-bot index build"):
            read()


def test_a_build_that_raises_or_does_not_publish_leaves_the_old_index(store: Store) -> None:
    build(store, word="ancien")
    before = store.current()
    with pytest.raises(ZeroDivisionError):
        _fail_after_writing(store)
    with store.build() as draft:
        draft.write(*corpus(), unit_vectors(12))
    assert store.current() == before
    with closing(store.open(verification="full")) as index:
        assert word_of(index) == "ancien"


def _fail_after_writing(store: Store) -> None:
    with store.build() as draft:
        draft.write(*corpus(), unit_vectors(12))
        raise ZeroDivisionError


def test_odd_vectors_and_odd_passages_are_refused_before_anything_is_sealed(store: Store) -> None:
    documents, passages = corpus()
    odd = unit_vectors(12)
    odd[4] = np.nan
    for vectors, rows, error in (
        (unit_vectors(12) * 2, passages, EncoderError),
        (odd, passages, EncoderError),
        (unit_vectors(11), passages, ValueError),
        (unit_vectors(12), [passages[0], *passages[5:], *passages[1:5]], ValueError),
        (unit_vectors(0), [], CorpusError),
    ):
        with pytest.raises(error), store.build() as draft:
            draft.write(documents, rows, vectors)
    assert store.current() is None


def test_a_second_build_at_once_is_refused_and_the_first_goes_on(store: Store) -> None:
    with store.build() as draft:
        with pytest.raises(IndexBusy, match="another build is under way"):
            build(store)
        draft.write(*corpus(), unit_vectors(12))
        draft.publish(version="1", encoder="fake", corpus_sha256="texte", settings={})
    build(store)


def test_what_is_built_to_be_compared_is_seen_by_nobody_else_and_goes(store: Store) -> None:
    build(store, word="ancien")
    before = store.current()
    with store.scratch() as other:
        assert other.current() is None
        build(other, word="nouveau")
        with closing(other.open()) as index:
            assert word_of(index) == "nouveau"
        assert store.current() == before
    assert other.current() is None


# -- readers while builds go on -----------------------------------------------------------


def word_of(index: Generation) -> str:
    """Check that manifest, texts, vectors and words are of one build of twelve passages; give its word."""
    word = index.manifest.corpus_sha256
    assert {passage.text.split()[0] for passage in index.passages(range(12))} == {word}
    assert index.search(unit_vectors(12, word=word)[7], 1)[1].tolist() == [7]
    assert len(index.search_words(word, 20)[1]) == 12
    return word


def test_an_open_generation_goes_on_after_it_was_replaced_again_and_again(store: Store) -> None:
    build(store, word="ancien")
    with closing(store.open()) as index:
        for word in ("nouveau", "autre", "dernier"):
            build(store, word=word)
        assert word_of(index) == "ancien"
        assert index.documents["doc/2"].text.startswith("ancien")
        assert index.generation != store.current()


def test_readers_never_fail_nor_mix_while_generations_are_published(store: Store) -> None:
    build(store, word="0")
    done = threading.Event()
    faults: list[BaseException] = []
    words: set[str] = set()

    def read() -> None:
        try:
            while not done.is_set():
                with closing(store.open(verification="full")) as index:
                    words.add(word_of(index))
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 21):
        build(store, word=str(number))
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert len(words) > 3
