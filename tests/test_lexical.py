"""BM25 over words: cut as French is written, weighed as bm25s weighs, opened without building."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hds_bot import lexical
from hds_bot.errors import IndexDamaged
from hds_bot.lexical import LexicalIndex, build

TEXTS = [
    "L’hébergement des données de santé est obligatoire pour les hôpitaux.",
    "Les cabinets médicaux gardent les dossiers de leurs patients dans un logiciel.",
    "Les données anonymisées ne sont pas des données de santé.",
    "Un éditeur de logiciel qui héberge des dossiers doit être certifié.",
    "Lorsqu'un œuvre caritative n'a que des adhérents, rien n'est exigé.",
]


@pytest.fixture
def index(tmp_path: Path) -> LexicalIndex:
    build(TEXTS, tmp_path)
    return LexicalIndex.open(tmp_path)


def first(index: LexicalIndex, query: str) -> int | None:
    ordinals = index.search(query, 5)[1]
    return int(ordinals[0]) if len(ordinals) else None


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
        ("oeuvres caritatives", 4),
        ("ŒUVRE", 4),
    ],
)
def test_case_accents_elisions_ligatures_and_endings_make_no_difference(
    index: LexicalIndex, query: str, ordinal: int
) -> None:
    assert first(index, query) == ordinal


@pytest.mark.parametrize(
    "query", ["", "  \n", "?!…", "le la les", "the of and", "l'", "健康数据", "🏥", "inconnu"]
)
def test_a_query_without_a_known_word_finds_nothing(index: LexicalIndex, query: str) -> None:
    scores, ordinals = index.search(query, 5)
    assert (len(scores), len(ordinals)) == (0, 0)


def test_scores_fall_and_only_passages_that_share_a_word_come_back(index: LexicalIndex) -> None:
    scores, ordinals = index.search("données de santé", 5)
    assert sorted(ordinals.tolist()) == [0, 2]
    assert scores[0] >= scores[1] > 0


def test_extra_terms_are_searched_as_well_and_repeated_ones_do_not_count_twice(index: LexicalIndex) -> None:
    assert index.search("santé", 5, extra_terms=["cabinet médical"])[1].tolist()[0] == 1
    alone, repeated = index.search("santé", 5), index.search("santé", 5, extra_terms=["la santé"])
    np.testing.assert_array_equal(alone[0], repeated[0])


def test_only_allowed_passages_come_back(index: LexicalIndex) -> None:
    allowed = np.array([False, True, True, True, True])
    assert index.search("données de santé", 5, allowed=allowed)[1].tolist() == [2]


def test_equals_at_the_cut_are_those_of_lowest_ordinal(tmp_path: Path) -> None:
    build(["autre"] + ["dossier"] * 9, tmp_path)
    assert LexicalIndex.open(tmp_path).search("dossier", 3)[1].tolist() == [1, 2, 3]


def test_scores_are_those_of_bm25s_itself(tmp_path: Path) -> None:
    from bm25s import BM25

    draw = np.random.default_rng(1)
    rows = [[f"mot{int(40 * number**2):02}" for number in draw.random(length)] for length in range(3, 300)]
    build([" ".join(row) for row in rows], tmp_path)
    peer = BM25(k1=1.5, b=0.75)
    peer.index(rows, show_progress=False)
    query = ["mot03", "mot20", "mot39", "mot39"]
    scores, ordinals = LexicalIndex.open(tmp_path).search(" ".join(query), 297)
    expected = peer.get_scores(query)
    np.testing.assert_allclose(scores, expected[ordinals], rtol=1e-5)
    assert set(ordinals.tolist()) == set(np.flatnonzero(expected).tolist())


@pytest.mark.parametrize("k", [1, 5, 40, 400])
def test_passing_over_common_terms_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int
) -> None:
    draw = np.random.default_rng(2)
    lines = [" ".join(f"mot{int(60 * number**3)}" for number in draw.random(12)) for _ in range(400)]
    build(lines, tmp_path)
    index = LexicalIndex.open(tmp_path)
    for query in (" ".join(f"mot{int(60 * number**2)}" for number in draw.random(5)) for _ in range(50)):
        for allowed in (None, draw.random(400) < 0.5):
            scores, ordinals = index.search(query, k, allowed=allowed)
            monkeypatch.setattr(lexical, "_COMMON", 20)
            sparing = index.search(query, k, allowed=allowed)
            monkeypatch.undo()
            np.testing.assert_array_equal(sparing[1], ordinals)
            np.testing.assert_allclose(sparing[0], scores, rtol=1e-6)


@pytest.mark.parametrize("texts", [["le la les"], ["", " "], ["seul"]])
def test_a_corpus_of_almost_nothing_is_indexed(tmp_path: Path, texts: Sequence[str]) -> None:
    build(texts, tmp_path)
    assert LexicalIndex.open(tmp_path).search("seul", 3)[1].tolist() == ([0] if "seul" in texts else [])


@pytest.mark.parametrize("query", ["ﷺ" * 20_000, "santé " * 20_000, "e\u0301" * 50_000, "\x00\u202esanté"])
def test_huge_and_hostile_queries_are_answered(index: LexicalIndex, query: str) -> None:
    assert len(index.search(query, 5)[1]) == (2 if "santé" in query else 0)


def test_equal_corpora_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        build(TEXTS, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_threads_may_search_at_once(index: LexicalIndex) -> None:
    queries = ["hébergement", "cabinet", "anonymisées", "éditeur", "œuvre"] * 100
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: first(index, query), queries)) == [0, 1, 2, 3, 4] * 100


@pytest.mark.parametrize("name", ["terms.json", "weights.npy", "ordinals.npy", "bounds.npy", "peaks.npy"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"terms": ["a"]}', b"\x93NUMPY\x01\x00"])
def test_a_missing_or_malformed_file_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    build(TEXTS, tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(IndexDamaged, match="hds-bot index build"):
        LexicalIndex.open(tmp_path)


def test_arrays_that_hold_objects_are_refused(tmp_path: Path) -> None:
    build(TEXTS, tmp_path)
    np.save(tmp_path / "weights.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(IndexDamaged):
        LexicalIndex.open(tmp_path)


def test_searching_loads_neither_bm25s_nor_scipy(tmp_path: Path) -> None:
    build(TEXTS, tmp_path)
    program = (
        "import sys; from pathlib import Path; from hds_bot.lexical import LexicalIndex; "
        "print(LexicalIndex.open(Path(sys.argv[1])).search('cabinet', 1)[1][0], "
        "sorted({'bm25s', 'scipy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, os.fspath(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["1", "[]"]
