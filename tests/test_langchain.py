"""The LangChain door: its own standard suites, and the provenance that it must carry."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from hds_bot import HdsBot, HdsBotError
from hds_bot.errors import IndexDamaged, IndexMissing, InputError
from hds_bot.interfaces.langchain import FaissStore, HdsRetriever

QUERY = "Qui doit recourir à un hébergeur HDS ?"


class TestRetrieverStandard(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _give_bot(self, bot: HdsBot) -> None:
        self.bot = bot

    @property
    def retriever_constructor(self) -> type[HdsRetriever]:
        return HdsRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"bot": self.bot}

    @property
    def retriever_query_example(self) -> str:
        return QUERY


class TestStoreStandard(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> FaissStore:
        return FaissStore(self.get_embeddings())


@pytest.fixture
def store() -> FaissStore:
    texts = ["un", "deux", "trois"]
    data: list[dict[str, Any]] = [{"odd": True}, {"odd": False}, {"odd": True}]
    return FaissStore.from_texts(texts, DeterministicFakeEmbedding(size=8), data, ids=["1", "2", "3"])


def test_a_retrieved_document_is_the_slice_its_metadata_names(bot: HdsBot) -> None:
    for rank, found in enumerate(HdsRetriever(bot=bot, k=4).invoke(QUERY), 1):
        place = found.metadata
        assert bot.document(place["document"]).text[place["start"] : place["end"]] == found.page_content
        assert place["rank"] == rank
        assert bot.passage(str(found.id)).section == tuple(place["section"])
        assert place["provenance"]["index"] == bot.snapshot.provenance.index


@pytest.mark.parametrize("k", [1, 7, 12])
def test_exactly_k_come_back_synchronously_and_not(bot: HdsBot, k: int) -> None:
    retriever = HdsRetriever(bot=bot, k=2)
    assert len(retriever.invoke(QUERY, k=k)) == k
    assert len(asyncio.run(retriever.ainvoke(QUERY, k=k))) == k


def test_a_query_that_cannot_be_used_is_the_bot_s_own_error(bot: HdsBot) -> None:
    with pytest.raises(HdsBotError, match="blank"):
        HdsRetriever(bot=bot).invoke("  ")
    with pytest.raises(InputError, match="no document 'nowhere'"):
        HdsRetriever(bot=bot, documents=("nowhere",)).invoke(QUERY)


def test_the_store_holds_the_bot_s_passages_and_vectors(bot: HdsBot) -> None:
    store = FaissStore.from_bot(bot)
    index = bot.snapshot.retriever.index
    vector = bot.snapshot.encoder.encode_queries([QUERY])[0]
    scores, ordinals = index.search(vector, 3)
    found = store.similarity_search_with_score(QUERY, k=3)
    assert [document.id for document, _ in found] == [p.id for p in index.passages(ordinals.tolist())]
    assert [score for _, score in found] == pytest.approx(scores.tolist(), abs=1e-5)


def test_a_saved_store_opens_the_same_and_holds_no_pickle(store: FaissStore, tmp_path: Path) -> None:
    store.delete(["2"])
    store.save(tmp_path)
    again = FaissStore.load(tmp_path, store.embeddings)
    assert again.similarity_search_with_score("un", 3) == store.similarity_search_with_score("un", 3)
    assert len(again) == 2
    for path in tmp_path.iterdir():
        with pytest.raises(pickle.UnpicklingError):
            pickle.loads(path.read_bytes())  # noqa: S301


def test_an_empty_store_is_saved_and_opened(tmp_path: Path) -> None:
    FaissStore(DeterministicFakeEmbedding(size=8)).save(tmp_path)
    assert len(FaissStore.load(tmp_path, DeterministicFakeEmbedding(size=8))) == 0


def test_a_store_that_is_not_there_or_damaged_says_so(store: FaissStore, tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        FaissStore.load(tmp_path / "nowhere", store.embeddings)
    store.save(tmp_path)
    (tmp_path / "vectors.faiss").write_bytes(b"\x00" * 64)
    with pytest.raises(IndexDamaged):
        FaissStore.load(tmp_path, store.embeddings)


def test_a_filter_is_applied_before_the_k_are_taken(store: FaissStore) -> None:
    assert {found.id for found in store.similarity_search("deux", 2, filter={"odd": True})} == {"1", "3"}
    assert [found.id for found in store.similarity_search("un", 3, filter=lambda d: d.id == "2")] == ["2"]
    assert store.similarity_search("un", 3, filter={"odd": None}) == []


def test_marginal_relevance_takes_what_is_unlike(store: FaissStore) -> None:
    store.add_documents([Document(id="twin", page_content="un")])
    found = store.max_marginal_relevance_search("un", 2, lambda_mult=0.1)
    assert {document.page_content for document in found} > {"un"}


def test_relevance_scores_lie_between_zero_and_one(store: FaissStore) -> None:
    scores = [score for _, score in store.similarity_search_with_relevance_scores("un", k=3)]
    assert scores[0] == pytest.approx(1)
    assert all(0 <= score <= 1 for score in scores)


def test_what_a_caller_writes_into_a_result_does_not_reach_the_store(store: FaissStore) -> None:
    store.similarity_search("un", 1)[0].metadata["odd"] = "changed"
    assert store.get_by_ids(["1"])[0].metadata == {"odd": True}


def test_an_id_given_twice_at_once_keeps_the_last(store: FaissStore) -> None:
    store.add_texts(["ancien", "nouveau"], ids=["x", "x"])
    assert [found.page_content for found in store.get_by_ids(["x"])] == ["nouveau"]
    assert len(store) == 4


def test_uneven_lists_and_a_k_of_none_are_refused(store: FaissStore) -> None:
    with pytest.raises(InputError, match="ids"):
        store.add_texts(["a", "b"], ids=["1"])
    with pytest.raises(InputError, match="metadatas"):
        store.add_texts(["a", "b"], [{}])
    with pytest.raises(InputError, match="can't return 0"):
        store.similarity_search("un", 0)
