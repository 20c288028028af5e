"""A LangChain vector store on FAISS: exact cosine, kept as JSON and FAISS files, never as pickle."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from hds_bot.bot import HdsBot
from hds_bot.errors import IndexDamaged, IndexMissing, InputError
from hds_bot.interfaces.langchain.documents import from_passage
from hds_bot.types import Encoder, FloatArray

Filter = Mapping[str, Any] | Callable[[Document], bool]
"""Metadata that a document must have, or what tells whether it may be found."""
Scored = tuple[int, float]
# FAISS widens this constructor at run time, past what its type stubs say.
_Parameters: Any = faiss.SearchParameters
_VECTORS, _DOCUMENTS = "vectors.faiss", "documents.jsonl"


class EncoderEmbeddings(Embeddings):
    """The bot's own encoder as LangChain asks for it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One row of unit length a text."""
        rows: list[list[float]] = self._encoder.encode_passages(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """One row of unit length."""
        row: list[float] = self._encoder.encode_queries([text])[0].tolist()
        return row


class FaissStore(VectorStore):
    """Documents by the cosine of their vectors; each id once, the last one added in force. Thread-safe."""

    def __init__(self, embedding: Embeddings) -> None:
        self._embedding = embedding
        self._lock = threading.RLock()
        self._index: Any = None
        self._documents: dict[int, Document] = {}
        self._numbers: dict[str, int] = {}
        self._next = 0

    @classmethod
    def from_bot(cls, bot: HdsBot) -> Self:
        """Take every passage of the bot's index with the vector it has there; nothing is encoded again."""
        snapshot = bot.snapshot
        store, index = cls(EncoderEmbeddings(snapshot.encoder)), snapshot.retriever.index
        for entry in index.entries:
            passages = index.passages_of(entry.id)
            known = index.vectors_for([passage.indexed_text for passage in passages])
            rows = [known[passage.indexed_text] for passage in passages]
            store._add([from_passage(passage, snapshot.provenance) for passage in passages], rows)
        return store

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **_: Any,
    ) -> Self:
        """Encode and add texts to a new store."""
        store = cls(embedding)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    def load(cls, folder: str | Path, embedding: Embeddings) -> Self:
        """Open what `save` wrote. Raises IndexMissing or IndexDamaged."""
        folder, store = Path(folder), cls(embedding)
        if not (folder / _DOCUMENTS).is_file():
            raise IndexMissing("there is no store", where=str(folder), next_step="save one there first")
        try:
            lines = (folder / _DOCUMENTS).read_text("utf-8").splitlines()
            documents = [Document(**json.loads(line)) for line in lines]
            if documents:
                store._add(documents, faiss.read_index(str(folder / _VECTORS)).reconstruct_n())
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise IndexDamaged(
                "is no store of documents", where=str(folder), next_step="save it anew"
            ) from error
        return store

    def save(self, folder: str | Path) -> None:
        """Write the documents as JSON lines and their vectors as FAISS does; metadata must be JSON values."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            lines = [_line(document) for document in self._documents.values()]
            vectors = self._rows(self._documents)
        (folder / _DOCUMENTS).write_text("".join(lines), "utf-8")
        flat: Any = faiss.IndexFlatIP(max(vectors.shape[1], 1))
        if len(vectors):
            flat.add(vectors)
        faiss.write_index(flat, str(folder / _VECTORS))

    @property
    def embeddings(self) -> Embeddings:
        """What encodes."""
        return self._embedding

    def __len__(self) -> int:
        return len(self._documents)

    # -- change -------------------------------------------------------------------------------

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **_: Any,
    ) -> list[str]:
        """Encode and add texts; give their ids, those left out made up."""
        texts = list(texts)
        _refuse_uneven("metadatas", metadatas, texts)
        described = metadatas or [{} for _ in texts]
        pairs = zip(texts, described, strict=True)
        return self.add_documents(
            [Document(page_content=text, metadata=data) for text, data in pairs], ids=ids
        )

    def add_documents(
        self, documents: list[Document], *, ids: Sequence[str | None] | None = None, **_: Any
    ) -> list[str]:
        """Encode and add documents, each in place of the one of the same id; give their ids."""
        _refuse_uneven("ids", ids, documents)
        wanted = ids or [document.id for document in documents]
        named = [
            document.model_copy(update={"id": name or str(uuid.uuid4())}, deep=True)
            for document, name in zip(documents, wanted, strict=True)
        ]
        self._add(named, self._embedding.embed_documents([document.page_content for document in named]))
        return [str(document.id) for document in named]

    def delete(self, ids: Sequence[str] | None = None, **_: Any) -> bool:
        """Remove documents, all of them where no ids are given; ids that aren't there are passed over."""
        with self._lock:
            gone = [self._numbers.pop(name) for name in list(ids or self._numbers) if name in self._numbers]
            for number in gone:
                del self._documents[number]
            if gone:
                self._index.remove_ids(np.array(gone, dtype=np.int64))
        return True

    # -- find ---------------------------------------------------------------------------------

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Documents of these ids, in the order asked for; those that aren't there left out."""
        with self._lock:
            return [self._document(self._numbers[name]) for name in ids if name in self._numbers]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **_: Any,
    ) -> list[Document]:
        """Find the k documents nearest to a query, best first."""
        return self.similarity_search_by_vector(self._embedding.embed_query(query), k, filter=filter)

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **_: Any,
    ) -> list[Document]:
        """Find the k documents nearest to a vector, best first."""
        return [document for document, _ in self._search(embedding, k, filter)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Filter | None = None,  # noqa: A002
        **_: Any,
    ) -> list[tuple[Document, float]]:
        """Find the k documents nearest to a query, each with its cosine."""
        return self._search(self._embedding.embed_query(query), k, filter)

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,  # noqa: A002
        **_: Any,
    ) -> list[Document]:
        """Find k documents near to a query and unlike one another, out of the `fetch_k` nearest."""
        vector = self._embedding.embed_query(query)
        return self.max_marginal_relevance_search_by_vector(vector, k, fetch_k, lambda_mult, filter=filter)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,  # noqa: A002
        **_: Any,
    ) -> list[Document]:
        """Find k documents near to a vector and unlike one another, out of the `fetch_k` nearest."""
        with self._lock:
            numbers = [number for number, _ in self._nearest(embedding, fetch_k, filter)]
            if not numbers:
                return []
            rows = list(self._rows(numbers))
            chosen = maximal_marginal_relevance(_unit([embedding])[0], rows, lambda_mult, k)
            return [self._document(numbers[place]) for place in chosen]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: (1 + cosine) / 2

    # -- what they share ----------------------------------------------------------------------

    def _add(self, documents: Sequence[Document], rows: Sequence[Any] | FloatArray) -> None:
        latest = {str(document.id): (document, row) for document, row in zip(documents, rows, strict=True)}
        if not latest:
            return
        vectors = _unit([row for _, row in latest.values()])
        with self._lock:
            self._index = self._index or faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
            self.delete([*latest])
            numbers = range(self._next, self._next + len(latest))
            self._index.add_with_ids(vectors, np.array(numbers, dtype=np.int64))
            self._next = numbers.stop
            self._numbers.update(zip(latest, numbers, strict=True))
            self._documents.update(zip(numbers, (document for document, _ in latest.values()), strict=True))

    def _search(
        self, embedding: Sequence[float], k: int, only: Filter | None
    ) -> list[tuple[Document, float]]:
        with self._lock:
            return [(self._document(number), score) for number, score in self._nearest(embedding, k, only)]

    def _nearest(self, embedding: Sequence[float], k: int, only: Filter | None) -> list[Scored]:
        if k < 1:
            raise InputError(f"can't return {k} documents", next_step="ask for at least one")
        allowed = [number for number, document in self._documents.items() if _passes(document, only)]
        if not allowed:
            return []
        selector: Any = faiss.IDSelectorBatch(np.array(allowed, dtype=np.int64)) if only else None
        parameters = _Parameters(sel=selector)
        scores, numbers = self._index.search(_unit([embedding]), min(k, len(allowed)), params=parameters)
        return [(int(number), float(score)) for number, score in zip(numbers[0], scores[0], strict=True)]

    def _rows(self, numbers: Iterable[int]) -> FloatArray:
        rows = [self._index.reconstruct(number) for number in numbers]
        return np.array(rows, dtype=np.float32).reshape(len(rows), -1 if rows else 0)

    def _document(self, number: int) -> Document:
        # A copy: what a caller writes into it must not change the store.
        return self._documents[number].model_copy(deep=True)


def _line(document: Document) -> str:
    content = {"id": document.id, "page_content": document.page_content, "metadata": document.metadata}
    return json.dumps(content) + "\n"


def _unit(rows: Sequence[Any]) -> FloatArray:
    vectors = np.asarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _passes(document: Document, only: Filter | None) -> bool:
    if only is None:
        return True
    if callable(only):
        return only(document)
    return all(document.metadata.get(name) == value for name, value in only.items())


def _refuse_uneven(name: str, given: Sequence[object] | None, documents: Sequence[object]) -> None:
    if given is not None and len(given) != len(documents):
        raise InputError(f"has {len(given)} entries for {len(documents)} documents", where=name)
