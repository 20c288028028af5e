"""The bot's hybrid search as a LangChain retriever."""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import Field

from hds_bot.bot import HdsBot
from hds_bot.interfaces.langchain.documents import from_hit


class HdsRetriever(BaseRetriever):
    """Passages as `HdsBot.search` finds them; `k` here or in `invoke`, from any number of threads.

    `documents` and `document_tags` restrict where it looks. Raises InputError for a query, a document or a
    tag that can't be used.
    """

    bot: HdsBot = Field(default_factory=HdsBot.load, exclude=True, repr=False)
    k: int = Field(default=5, ge=1)
    documents: tuple[str, ...] | None = None
    document_tags: tuple[str, ...] | None = None

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
    ) -> list[Document]:
        return self._found(query, k)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
    ) -> list[Document]:
        return await run_in_executor(None, self._found, query, k)

    def _found(self, query: str, k: int | None) -> list[Document]:
        wanted = self.k if k is None else k
        hits = self.bot.search(query, wanted, documents=self.documents, tags=self.document_tags)
        provenance = self.bot.snapshot.provenance
        return [from_hit(hit, provenance) for hit in hits]
