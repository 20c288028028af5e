"""Passages as LangChain documents, with the provenance that integrations usually lose."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from langchain_core.documents import Document

from hds_bot.types import Hit, Passage, Provenance


def from_hit(hit: Hit, provenance: Provenance) -> Document:
    """Give a search result; its metadata holds the place, score, rank and the hashes it was found under."""
    found = hit.to_dict()
    return _document(found, {"score": found["score"], "rank": found["rank"]}, provenance)


def from_passage(passage: Passage, provenance: Provenance) -> Document:
    """Give a passage; its metadata holds the place and the hashes it was read under."""
    return _document(passage.to_dict(), {}, provenance)


def _document(passage: dict[str, Any], found: dict[str, Any], provenance: Provenance) -> Document:
    place = {name: passage[name] for name in ("document", "title", "section", "start", "end", "page")}
    metadata = {**place, **found, "provenance": asdict(provenance)}
    return Document(id=passage["id"], page_content=passage["text"], metadata=metadata)
