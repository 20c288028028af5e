"""LangChain: `HdsRetriever` over the bot's own search, `FaissStore` for its vectors.

Needs the extra: `pip install 'hds-bot[langchain]'`.
"""

from __future__ import annotations

from hds_bot.interfaces.langchain.retriever import HdsRetriever
from hds_bot.interfaces.langchain.store import FaissStore

__all__ = ["FaissStore", "HdsRetriever"]
