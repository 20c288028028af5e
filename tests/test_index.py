"""The index on disk: what is written comes back, what is damaged is refused, what fails changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from index_builds import DIMENSION, build, corpus, folders, tree, unit_vectors, word_of

from hds_bot.errors import CorpusError, EncoderError, IndexBusy, IndexDamaged, IndexMismatch, IndexMissing
from hds_bot.index import Index, Manifest, current_generation, new_generation, open_current
from hds_bot.types import Document, FloatArray, Passage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


# -- what is written comes back -----------------------------------------------------------


def test_documents_and_passages_come_back_equal(root: Path) -> None:
    documents, passages = corpus()
    build(root)
    with Index.open(root, verification="full") as index:
        assert dict(index.documents) == {document.id: document for document in documents}
        assert index.passages(range(len(passages))) == tuple(passages)
        assert index.passages([5, 0, 5]) == (passages[5], passages[0], passages[5])
        assert index.passages_of("doc/1") == tuple(passages[4:8])
        assert index.passages_of("doc/9") == ()
        assert index.passage_by_id(passages[7].id) == index.passage(7) == passages[7]


def test_a_passage_keeps_its_page_context_and_odd_characters(root: Path) -> None:
    text = "« l’hébergeur » ﷺ \U0001f600 'quote' \n"
    passage = Passage("id", "d", "t", ("a", "b"), text, 0, len(text), page=7, context="A > B")
    with new_generation(root) as generation:
        generation.write([Document("d", "t", text)], [passage], unit_vectors(1))
        generation.publish(version="1", encoder="fake", corpus_sha256="", settings={})
    with Index.open(root) as index:
        assert index.passage(0) == passage


def test_entries_say_what_a_filter_needs(root: Path) -> None:
    build(root)
    with Index.open(root) as index:
        assert [(e.id, e.authority, e.status, e.tags, e.first, e.after) for e in index.entries] == [
            ("doc/0", "law", "in_force", ("soins", "n0"), 0, 4),
            ("doc/1", "guide", "in_force", ("soins", "n1"), 4, 8),
            ("doc/2", "guide", "superseded", ("soins", "n2"), 8, 12),
        ]


def test_unknown_documents_and_passages_are_a_lookup_error(root: Path) -> None:
    build(root)
    with Index.open(root) as index:
        for look_up in (
            lambda: index.documents["doc/9"],
            lambda: index.passage_by_id("no"),
            lambda: index.passage(12),
            lambda: index.passage(-1),
        ):
            with pytest.raises(LookupError):
                look_up()


def test_the_manifest_names_every_file_and_its_origin(root: Path) -> None:
    manifest = build(root)
    with Index.open(root) as index:
        assert index.manifest == manifest
        on_disk = {
            path.relative_to(index.path).as_posix() for path in index.path.rglob("*") if path.is_file()
        }
        assert set(manifest.files) | {"manifest.json"} == on_disk
    assert (manifest.encoder, manifest.dimension, manifest.passages, manifest.documents) == (
        "fake",
        16,
        12,
        3,
    )
    assert manifest.settings == {"size": 600}


def test_equal_builds_have_equal_content_and_different_names(root: Path) -> None:
    first = build(root)
    first_name = current_generation(root)
    second = build(root)
    assert first.content == second.content
    assert first_name != current_generation(root)
    assert build(root, word="autre").content != first.content


# -- nearest vectors ----------------------------------------------------------------------


def test_search_is_exact_and_ordered(root: Path) -> None:
    build(root, documents=3, each=200)
    rows, query = unit_vectors(600), unit_vectors(1, word="autre")[0]
    with Index.open(root) as index:
        scores, ordinals = index.search(query, 10)
    expected = np.argsort(-(rows @ query), kind="stable")[:10]
    assert ordinals.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, (rows @ query)[expected], atol=1e-6)


def test_search_returns_only_what_is_allowed_and_no_more_than_there_is(root: Path) -> None:
    build(root)
    allowed = np.zeros(12, dtype=np.bool_)
    allowed[[3, 8]] = True
    with Index.open(root) as index:
        assert sorted(index.search(unit_vectors(1)[0], 10, allowed=allowed)[1].tolist()) == [3, 8]
        assert len(index.search(unit_vectors(1)[0], 10, allowed=np.zeros(12, dtype=np.bool_))[1]) == 0
        assert len(index.search(unit_vectors(1)[0], 100)[1]) == 12


@pytest.fixture
def coded(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Index, FloatArray]]:
    """An index past the size of exact search, mapped from disk, and its vectors: 4 000 in clusters."""
    monkeypatch.setattr("hds_bot.index.vectors.EXACT_UP_TO", 1000)
    monkeypatch.setattr("hds_bot.index.vectors.FEWEST", 100)
    monkeypatch.setattr("hds_bot.index.vectors._IN_MEMORY_BYTES", 0)
    rows = clustered(4000)
    documents, passages = corpus(40, 100)
    with new_generation(root) as generation:
        generation.write(documents, passages, rows)
        generation.publish(version="1", encoder="fake", corpus_sha256="", settings={})
    with Index.open(root) as index:
        yield index, rows


def clustered(count: int, *, seed: int = 0) -> FloatArray:
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(50, DIMENSION))
    rows = centres[draw.integers(50, size=count)] + draw.normal(size=(count, DIMENSION)) * 0.7
    unit: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_codes_find_nearly_all_true_neighbours(coded: tuple[Index, FloatArray]) -> None:
    index, rows = coded
    found = 0
    for query in clustered(200, seed=1):
        true = set(np.argsort(-(rows @ query))[:10].tolist())
        scores, ordinals = index.search(query, 10)
        np.testing.assert_allclose(scores, (rows @ query)[ordinals], atol=1e-6)
        found += len(true & set(ordinals.tolist()))
    assert found / 2000 >= 0.97


def test_search_beyond_exact_size_is_exact_among_few_allowed_passages(
    coded: tuple[Index, FloatArray],
) -> None:
    index, rows = coded
    query = clustered(1, seed=2)[0]
    allowed = np.zeros(4000, dtype=np.bool_)
    allowed[7::400] = True
    assert index.search(query, 20, allowed=allowed)[1].tolist() == sorted(
        np.flatnonzero(allowed).tolist(), key=lambda ordinal: -float(rows[ordinal] @ query)
    )


def test_codes_find_true_neighbours_among_many_allowed_passages(coded: tuple[Index, FloatArray]) -> None:
    index, rows = coded
    allowed = np.arange(4000) % 2 == 1
    found = 0
    for query in clustered(200, seed=3):
        true = np.flatnonzero(allowed)[np.argsort(-(rows[allowed] @ query))[:10]]
        ordinals = index.search(query, 10, allowed=allowed)[1]
        assert allowed[ordinals].all()
        found += len(set(true.tolist()) & set(ordinals.tolist()))
    assert found / 2000 >= 0.97


def test_a_coded_index_gives_its_vectors_back_unchanged(coded: tuple[Index, FloatArray]) -> None:
    index, rows = coded
    texts = [index.passage(ordinal).indexed_text for ordinal in (3999, 0, 1234)]
    known = index.vectors_for(texts)
    np.testing.assert_array_equal(np.stack([known[text] for text in texts]), rows[[3999, 0, 1234]])


def test_equal_vectors_come_in_order_of_their_passages(root: Path) -> None:
    documents, passages = corpus(1, 5)
    with new_generation(root) as generation:
        generation.write(documents, passages, np.repeat(unit_vectors(1), 5, axis=0))
        generation.publish(version="1", encoder="fake", corpus_sha256="", settings={})
    with Index.open(root) as index:
        assert index.search(unit_vectors(1)[0], 5)[1].tolist() == [0, 1, 2, 3, 4]


def test_known_vectors_are_found_by_their_words_whatever_the_document(root: Path) -> None:
    build(root)
    _, passages = corpus()
    with Index.open(root) as index:
        known = index.vectors_for([passages[7].indexed_text, "nouveau", passages[2].indexed_text])
        assert index.vectors_for(["nouveau"]) == {}
    assert set(known) == {passages[7].indexed_text, passages[2].indexed_text}
    np.testing.assert_array_equal(known[passages[7].indexed_text], unit_vectors(12)[7])


# -- what is damaged is refused -----------------------------------------------------------


def test_no_index_is_said_to_be_missing(root: Path) -> None:
    assert current_generation(root) is None
    with pytest.raises(IndexMissing, match="hds-bot index build"):
        Index.open(root)


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)


def _add_a_file_beside(path: Path) -> None:
    (path.parent / "more").write_bytes(b"")


@pytest.mark.parametrize("harm", [_truncate, _flip_a_bit, Path.unlink, _add_a_file_beside])
@pytest.mark.parametrize("name", ["manifest.json", "passages.sqlite", "vectors.faiss", "extra/words.txt"])
def test_a_damaged_file_is_refused_by_name_and_a_build_mends_it(
    root: Path, name: str, harm: Callable[[Path], None]
) -> None:
    build(root)
    harm(root / "generations" / (current_generation(root) or "") / name)
    with pytest.raises(IndexDamaged, match="hds-bot index build") as refused:
        Index.open(root)
    assert Path(name).name in str(refused.value) or "more" in str(refused.value)
    build(root)
    Index.open(root, verification="full").close()


@pytest.mark.parametrize("written", ["encoder", "corpus_sha256"])
def test_a_manifest_that_was_altered_is_told_to_be_before_anything_it_says_is_believed(
    root: Path, written: str
) -> None:
    said = getattr(build(root), written)
    path = root / "generations" / (current_generation(root) or "") / "manifest.json"
    path.write_text(path.read_text("utf-8").replace(said, "~" + said[1:]), "utf-8")
    with pytest.raises(IndexDamaged, match=r"manifest\.json: was altered"):
        open_current(root, Manifest.read)


@pytest.mark.parametrize("text", ["", "../../etc", "nothing\n", "\xff", "0123456789ab-1"])
def test_a_damaged_pointer_is_refused(root: Path, text: str) -> None:
    build(root)
    (root / "CURRENT").write_text(text, encoding="latin-1")
    with pytest.raises(IndexDamaged, match="hds-bot index build"):
        Index.open(root)
    build(root)
    Index.open(root).close()


def test_an_index_of_another_format_is_told_apart_from_a_damaged_one(root: Path) -> None:
    build(root)
    path = root / "generations" / (current_generation(root) or "") / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 99}), encoding="utf-8")
    with pytest.raises(IndexMismatch, match="format 99"):
        Index.open(root)


@pytest.mark.parametrize("value", [None, [], 3, "x", {"format": 1}, {"format": 1, "files": {"a": []}}])
def test_a_manifest_of_another_shape_is_refused(root: Path, value: object) -> None:
    build(root)
    path = root / "generations" / (current_generation(root) or "") / "manifest.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(IndexDamaged):
        Index.open(root)


def test_a_manifest_field_of_another_type_is_refused(root: Path) -> None:
    build(root)
    path = root / "generations" / (current_generation(root) or "") / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "passages": "12"}), encoding="utf-8")
    with pytest.raises(IndexDamaged, match="passages"):
        Index.open(root)


def test_malformed_rows_behind_a_true_seal_are_refused_not_a_traceback(root: Path) -> None:
    documents, passages = corpus()
    with new_generation(root) as generation:
        generation.write(documents, passages, unit_vectors(12))
        database = sqlite3.connect(generation.path / "passages.sqlite")
        database.execute("UPDATE passages SET section = '{' WHERE ordinal = 3")
        database.execute("UPDATE documents SET described = '[]' WHERE ordinal = 1")
        database.commit()
        database.close()
        generation.publish(version="1", encoder="fake", corpus_sha256="", settings={})
    with Index.open(root) as index:
        assert index.passage(2) == passages[2]
        with pytest.raises(IndexDamaged):
            index.passage(3)
        with pytest.raises(IndexDamaged):
            index.documents["doc/1"]


# -- what fails changes nothing -----------------------------------------------------------


def test_a_build_that_raises_leaves_the_old_index_and_nothing_else(root: Path) -> None:
    build(root)
    before = tree(root)
    with pytest.raises(ZeroDivisionError):
        _fail_after_writing(root)
    assert tree(root) == before
    assert folders(root) == [current_generation(root)]


def _fail_after_writing(root: Path) -> None:
    with new_generation(root) as generation:
        generation.write(*corpus(), unit_vectors(12))
        raise ZeroDivisionError


def test_a_build_that_does_not_publish_leaves_the_old_index(root: Path) -> None:
    build(root)
    before = tree(root)
    with new_generation(root) as generation:
        generation.write(*corpus(), unit_vectors(12))
    assert tree(root) == before


def test_odd_vectors_and_odd_passages_are_refused_before_anything_is_sealed(root: Path) -> None:
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
        with pytest.raises(error), new_generation(root) as generation:
            generation.write(documents, rows, vectors)
    assert tree(root) == {}


def test_a_publication_that_would_not_open_is_not_put_in_force(root: Path) -> None:
    build(root)
    before = tree(root)
    with new_generation(root) as generation:
        generation.write(*corpus(), unit_vectors(12))
        (generation.path / "vectors.faiss").write_bytes(b"no vectors")
        with pytest.raises(IndexDamaged):
            generation.publish(version="1", encoder="fake", corpus_sha256="", settings={})
    assert tree(root) == before


def test_a_second_build_at_once_is_told_who_holds_the_lock(root: Path) -> None:
    with new_generation(root), pytest.raises(IndexBusy, match=f"process {os.getpid()}"):
        build(root)
    build(root)


def test_leftovers_of_dead_builds_are_removed_by_the_next(root: Path) -> None:
    build(root)
    (root / "generations" / ".building").mkdir()
    (root / "generations" / ".building" / "vectors.faiss").write_bytes(b"half")
    shutil.copytree(
        root / "generations" / (current_generation(root) or ""), root / "generations" / "000000000000-9"
    )
    (root / "CURRENT.new").write_text("half")
    build(root)
    assert folders(root) == [current_generation(root)]
    assert not (root / "CURRENT.new").exists()


# -- readers while builds go on -----------------------------------------------------------


def test_an_open_index_goes_on_after_it_was_replaced(root: Path) -> None:
    build(root, word="ancien")
    with Index.open(root) as index:
        build(root, word="nouveau")
        assert not index.path.exists()
        assert index.passage(0).text.startswith("ancien")
        assert index.documents["doc/2"].text.startswith("ancien")
        assert len(index.search(unit_vectors(1)[0], 5)[1]) == 5
        assert index.generation != current_generation(root)


def test_opening_begins_again_where_a_build_swaps_in_between(root: Path) -> None:
    build(root, word="ancien")
    seen = []

    def load(folder: Path) -> Index:
        seen.append(folder.name)
        if len(seen) == 1:
            build(root, word="nouveau")
        return Index.load(folder)

    with open_current(root, load) as index:
        assert index.passage(0).text.startswith("nouveau")
    assert len(seen) == 2


def test_readers_never_fail_nor_mix_while_fifty_generations_are_published(root: Path) -> None:
    build(root, word="0")
    done = threading.Event()
    faults: list[BaseException] = []
    words: set[str] = set()

    def read() -> None:
        try:
            while not done.is_set():
                with Index.open(root, verification="full") as index:
                    words.add(word_of(index))
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 51):
        build(root, word=str(number))
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert len(words) > 3
    assert folders(root) == [current_generation(root)]
