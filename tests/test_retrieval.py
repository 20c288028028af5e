"""Hybrid search: both lists fused, restricted, ordered by authority, silent where nothing is near."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hds_bot import retrieval
from hds_bot.errors import IndexDamaged, IndexMismatch, IndexMissing, InputError
from hds_bot.index import current_generation
from hds_bot.retrieval import Retriever
from hds_bot.stores import FolderStore
from hds_bot.stores.folder import LEXICAL
from hds_bot.types import Authority, Document, FloatArray, Passage, Progress, Status


class LetterEncoder:
    """Counts triples of letters: texts that share spelling are near, and no meaning is needed here."""

    identity = "letters"
    dimension = 256

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return np.stack([self._encode(text) for text in texts])

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        return self.encode_queries(texts)

    def _encode(self, text: str) -> FloatArray:
        row = np.zeros(self.dimension, dtype=np.float32)
        row[-1] = len(text) < 3
        for at in range(len(text) - 2):
            row[zlib.crc32(text[at : at + 3].lower().encode()) % self.dimension] += 1
        unit: FloatArray = row / np.linalg.norm(row)
        return unit


def document(
    name: str,
    *lines: str,
    authority: Authority = "guide",
    status: Status = "in_force",
    tags: tuple[str, ...] = (),
) -> tuple[Document, list[Passage]]:
    passages, start = [], 0
    for line in lines:
        passages.append(Passage(f"{name}:{start}", name, name, (), line, start, start + len(line)))
        start += len(line) + 1
    return Document(name, name, "\n".join(lines), authority=authority, status=status, tags=tags), passages


HOSPITAL = "L’hôpital confie ses dossiers à un hébergeur certifié."
PRACTICE = "Le cabinet médical garde ses dossiers dans un logiciel en ligne."
ANONYMOUS = "Les statistiques anonymisées échappent à la règle."
CORPUS = (
    document("guide", HOSPITAL, PRACTICE, tags=("soins",)),
    document("loi", ANONYMOUS, authority="law", tags=("textes", "code")),
    document(
        "ancien", "Le cabinet médical devait demander un agrément.", status="superseded", tags=("soins",)
    ),
)


def build(root: Path, *corpus: tuple[Document, list[Passage]]) -> None:
    passages = [passage for _, some in corpus for passage in some]
    texts = [passage.indexed_text for passage in passages]
    with FolderStore(root).build() as draft:
        draft.write([one for one, _ in corpus], passages, LetterEncoder().encode_passages(texts))
        draft.publish(version="1", encoder=LetterEncoder.identity, corpus_sha256="", settings={})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def retriever(root: Path) -> Retriever:
    build(root, *CORPUS)
    return Retriever.open(FolderStore(root), LetterEncoder())


def texts(retriever: Retriever, query: str, **options: object) -> list[str]:
    return [hit.passage.text for hit in retriever.search(query, **options)]  # type: ignore[arg-type]


def test_the_best_passage_comes_first_with_its_rank_and_a_score_in_range(retriever: Retriever) -> None:
    hits = retriever.search("le cabinet médical et son logiciel")
    assert hits[0].passage.text == PRACTICE
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert all(0 <= hit.score <= 1 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_weights_of_one_and_zero_are_the_dense_and_the_lexical_list_alone(retriever: Retriever) -> None:
    query = "statistiqe anonymisé du cabinet"
    assert texts(retriever, query, k=1, weight=1.0) == [ANONYMOUS]
    assert texts(retriever, query, k=1, weight=0.0) == [PRACTICE]


def test_expansion_brings_in_words_the_question_lacks(retriever: Retriever) -> None:
    assert texts(retriever, "clinic zzz", expand=["hôpital"], weight=0.0, k=1) == [HOSPITAL]


def test_what_is_likely_to_answer_rises_the_likeliest_most(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "NEARBY", 1.0)
    query = "dossiers du cabinet, de l'hôpital, statistiques"
    first, second, third = (hit.passage for hit in retriever.search(query))
    assert retriever.search(query, likely=[second])[0].passage == second
    assert retriever.search(query, likely=[second, third])[0].passage == second
    assert all(0 <= hit.score <= 1 for hit in retriever.search(query, likely=[third, second, first]))


def test_what_is_likely_does_not_rise_where_others_are_clearly_nearer(retriever: Retriever) -> None:
    query = "le cabinet médical et son logiciel"
    far = retriever.search("statistiques anonymisées", 1)[0].passage
    assert retriever.search(query, likely=[far]) == retriever.search(query)


def test_what_is_likely_rises_only_where_it_may_be_returned(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "NEARBY", 1.0)
    likely = [hit.passage for hit in retriever.search("statistiques anonymisées", 1)]
    assert set(texts(retriever, "dossiers", documents=["guide"], likely=likely)) <= {HOSPITAL, PRACTICE}


def test_what_is_likely_is_near_though_it_shares_no_word(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "NEARBY", 1.0)
    likely = [hit.passage for hit in retriever.search("statistiques anonymisées", 1)]
    assert texts(retriever, "zzz qqq", k=1, likely=likely) == [ANONYMOUS]


def test_of_two_documents_that_say_the_same_the_one_that_says_more_of_it_comes_first(root: Path) -> None:
    same, more = "La certification est obligatoire.", "La certification du cabinet coûte cher."
    build(root, document("a", same, "Rien."), document("b", same, more))
    hits = Retriever.open(FolderStore(root), LetterEncoder()).search("certification obligatoire du cabinet")
    assert [hit.passage.document for hit in hits if hit.passage.text == same] == ["b", "a"]


def test_superseded_documents_are_never_returned(retriever: Retriever) -> None:
    query = "le cabinet médical devait demander un agrément"
    assert all("agrément" not in text for text in texts(retriever, query, k=10))
    assert retriever.search(query, documents=["ancien"]) == ()


def test_documents_and_tags_restrict_the_search(retriever: Retriever) -> None:
    query = "dossiers et statistiques"
    assert texts(retriever, query, documents=["loi"]) == [ANONYMOUS]
    assert texts(retriever, query, tags=["code", "textes"]) == [ANONYMOUS]
    assert set(texts(retriever, query, tags=["soins"])) == {HOSPITAL, PRACTICE}
    assert retriever.search(query, documents=["guide"], tags=["code"]) == ()


@pytest.mark.parametrize("options", [{"documents": ["absent"]}, {"tags": ["absent"]}, {"k": 0}, {"k": -1}])
def test_unknown_documents_tags_and_sizes_are_refused(
    retriever: Retriever, options: dict[str, object]
) -> None:
    with pytest.raises(InputError):
        texts(retriever, "dossiers", **options)


@pytest.mark.parametrize("query", ["", "   ", "\n", "zzz qqq", "🏥", "健康数据需要托管吗"])
def test_where_nothing_is_near_nothing_is_returned(retriever: Retriever, query: str) -> None:
    assert retriever.search(query) == ()


def test_a_word_shared_by_chance_is_not_near(root: Path) -> None:
    lines = [f"Le médecin {n} note la consultation {n}." for n in range(40)]
    chance = [
        "La recette fiscale baisse.",
        "Le temps de travail.",
        "La coupe du bois.",
        "Un train en retard.",
    ]
    build(root, document("a", *lines, *chance, "Les horaires de bureau.", "La distance entre deux bureaux."))
    retriever = Retriever.open(FolderStore(root), LetterEncoder())
    assert texts(retriever, "Xylophone, quartz, kiwi, whisky, judo, zéphyr, moka, hublot, recette ?") == []
    assert texts(retriever, "recette fiscale, xylophone", k=1) == ["La recette fiscale baisse."]


def test_near_equals_are_put_in_order_of_authority_and_both_are_shown(root: Path) -> None:
    same = "La certification est obligatoire."
    build(
        root,
        document("a", same),
        document("b", same, authority="regulator"),
        document("c", same, authority="law"),
    )
    hits = Retriever.open(FolderStore(root), LetterEncoder()).search("certification obligatoire", 2)
    assert [hit.passage.document for hit in hits] == ["c", "b"]


def test_authority_does_not_lift_a_passage_that_is_clearly_worse(root: Path) -> None:
    build(
        root,
        document("guide", "La certification du cabinet médical est obligatoire."),
        document("loi", "Rien sur la certification.", "Autre chose.", authority="law"),
    )
    hits = Retriever.open(FolderStore(root), LetterEncoder()).search(
        "la certification du cabinet médical est obligatoire", 2
    )
    assert hits[0].passage.document == "guide"


def test_ties_go_to_the_earlier_passage(root: Path) -> None:
    build(root, *(document(f"d{number}", "La certification est obligatoire.") for number in range(8)))
    hits = Retriever.open(FolderStore(root), LetterEncoder()).search("certification", 5)
    assert [hit.passage.document for hit in hits] == ["d0", "d1", "d2", "d3", "d4"]


def test_the_same_question_has_the_same_answer_after_an_equal_build(root: Path, retriever: Retriever) -> None:
    before = retriever.search("dossiers de l’hôpital")
    build(root, *CORPUS)
    assert Retriever.open(FolderStore(root), LetterEncoder()).search("dossiers de l’hôpital") == before


def test_another_encoder_is_refused_with_the_way_out(root: Path, retriever: Retriever) -> None:
    other = LetterEncoder()
    other.identity = "other"
    with pytest.raises(IndexMismatch, match="hds-bot index build"):
        Retriever.open(FolderStore(root), other)


def test_a_missing_index_and_a_damaged_lexical_index_are_refused(root: Path) -> None:
    with pytest.raises(IndexMissing):
        Retriever.open(FolderStore(root), LetterEncoder())
    build(root, *CORPUS)
    (root / "generations" / (current_generation(root) or "") / LEXICAL / "bounds.npy").unlink()
    with pytest.raises(IndexDamaged):
        Retriever.open(FolderStore(root), LetterEncoder())


def test_questions_never_fail_nor_mix_generations_while_fifty_are_published(root: Path) -> None:
    build(root, *_numbered(0))
    done = threading.Event()
    faults: list[BaseException] = []
    answered: set[str] = set()

    def ask() -> None:
        try:
            while not done.is_set():
                retriever = Retriever.open(FolderStore(root), LetterEncoder())
                for _ in range(5):
                    first, second = retriever.search("hôpital et cabinet", 2)
                    assert first.passage.text.split()[-1] == second.passage.text.split()[-1]
                    answered.add(first.passage.text.split()[-1])
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 51):
        build(root, *_numbered(number))
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(answered) > 3


def _numbered(number: int) -> list[tuple[Document, list[Passage]]]:
    """A corpus whose every text ends in its number and whose ordinals move with it."""
    filler = [f"Remplissage sans rapport {line} {number}" for line in range(number % 7)]
    return [document("d", *filler, f"L’hôpital {number}", f"Le cabinet {number}")]
