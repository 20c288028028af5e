"""From the index in force to the corpus as it stands: the whole difference, compared, kept and read again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from hds_bot.bot.changes import (
    DocumentChange,
    QuoteChange,
    Side,
    compare_documents,
    compare_quotes,
    lost_anchors,
)
from hds_bot.bot.settings import Settings
from hds_bot.corpus import Corpus
from hds_bot.index import Revision
from hds_bot.stores import Generation
from hds_bot.types import Document, Passage, Verdict

LAST = "last-diff.json"
"""In the index folder: the last diff, for whoever shows it. No part of the index."""
_MOST_KEPT = 16 << 20


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """A question that gets another verdict or another first citation."""

    id: str
    question: str
    verdict_before: Verdict
    verdict_after: Verdict
    citation_before: Passage | None
    citation_after: Passage | None
    to_review: bool
    """Its rule has lost its quote."""

    @property
    def turned(self) -> bool:
        """The verdict is another one."""
        return self.verdict_before != self.verdict_after


@dataclass(frozen=True, slots=True)
class Diff:
    """From the index in force to the corpus as it stands."""

    index: str
    """Content hash of the index compared with."""
    corpus: str
    """Hash of the corpus compared."""
    documents: tuple[DocumentChange, ...] = ()
    quotes: tuple[QuoteChange, ...] = ()
    anchors: tuple[QuoteChange, ...] = ()
    """Words that topics are anchored to and that are lost; `rule` is the topic."""
    asked: int | None = None
    """Questions asked on both sides; None where answers were not compared."""
    answers: tuple[AnswerChange, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    """(path inside the corpus, reason) of files that were not read."""

    @property
    def lost(self) -> tuple[QuoteChange, ...]:
        """Quotes that rules lose."""
        return tuple(change for change in self.quotes if change.kind == "lost")

    @property
    def reworded(self) -> tuple[QuoteChange, ...]:
        """Quotes that stand, but in a sentence that changed around them: it may say the contrary now."""
        return tuple(change for change in self.quotes if change.kind == "reworded")

    @property
    def turned(self) -> tuple[AnswerChange, ...]:
        """Answers whose verdict turns."""
        return tuple(change for change in self.answers if change.turned)

    @property
    def is_finding(self) -> bool:
        """A rule or topic loses its words, a rule's sentence changes, an answer turns or is to be reviewed."""
        reviewed = any(change.to_review for change in self.answers)
        return bool(self.lost or self.anchors or self.reworded or self.turned or reviewed)


def compare(
    before: Generation,
    corpus: Corpus,
    passages: Sequence[Passage],
    *,
    known: Mapping[str, Document] | None = None,
) -> Diff:
    """Compare documents, passages and quotes; answers are left out. `known` are the documents of `before`."""
    old = Side(known or _by_id(before.documents.values()), before.passages_of)
    new = Side(_by_id(corpus.documents), _by_document(passages))
    documents = compare_documents(old, new)
    return Diff(
        index=before.manifest.content,
        corpus=corpus.sha256,
        documents=documents,
        quotes=compare_quotes(old, new, documents),
        anchors=lost_anchors(old, new, documents),
        left_out=corpus.left_out,
    )


def _by_id(documents: Iterable[Document]) -> dict[str, Document]:
    return {document.id: document for document in documents}


def _by_document(passages: Sequence[Passage]) -> Callable[[str], Sequence[Passage]]:
    if isinstance(passages, Revision):
        return passages.passages_of
    by_document: defaultdict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        by_document[passage.document].append(passage)
    return by_document.__getitem__


def keep(settings: Settings, diff: Diff) -> None:
    """Keep a diff as the last one, unless one of the same two sides is there that also compared answers."""
    kept = last_diff(settings)
    same = kept is not None and (kept["index"], kept["corpus"]) == (diff.index, diff.corpus)
    if same and diff.asked is None:
        return
    draft = settings.index / f"{LAST}.new"
    # Only shown: an index that this user may read but not write is compared all the same.
    with suppress(OSError):
        draft.write_text(json.dumps(asdict(diff), ensure_ascii=False), encoding="utf-8")
        draft.replace(settings.index / LAST)


def last_diff(settings: Settings) -> dict[str, Any] | None:
    """Read the last diff as JSON values, the fields of `Diff`; None where there is none that can be read."""
    path = settings.index / LAST
    try:
        if path.stat().st_size > _MOST_KEPT:
            return None
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return kept if isinstance(kept, dict) and {"index", "corpus"} <= set(kept) else None
