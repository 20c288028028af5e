"""A rebuild: corpus to passages to vectors to a new generation; what is known is not encoded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

import hds_bot
from hds_bot import lexical
from hds_bot.bot.quotes import LostQuote, lost_quotes
from hds_bot.bot.serving import compile_if_absent, open_for_build
from hds_bot.bot.settings import Settings
from hds_bot.bot.state import MAX_CHARS, build_settings, index_state
from hds_bot.corpus import Corpus, read_corpus, split
from hds_bot.errors import IndexError_
from hds_bot.index import Index, Manifest, new_generation
from hds_bot.retrieval import LEXICAL
from hds_bot.types import FloatArray, Passage

Stage = Literal["read", "encode", "prepare"]
BuildProgress = Callable[[Stage, int, int], None]
"""Called with (stage, done, total): documents read, passages encoded, serving encoder prepared."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build found and did."""

    manifest: Manifest
    encoded: int
    """Passages whose vectors were not known yet."""
    lost: tuple[LostQuote, ...]
    left_out: tuple[tuple[str, str], ...]
    """(path inside the corpus, reason) of files that were not read."""


def build_index(
    settings: Settings,
    *,
    force: bool = False,
    keep_going: bool = False,
    progress: BuildProgress | None = None,
) -> BuildReport | None:
    """Bring the index up to date; None where it is already, unless `force`.

    `keep_going` leaves bad documents out instead of stopping. Raises CorpusError, EncoderError, IndexBusy
    or IndexError_; whatever is raised, the index in force stays as it was.
    """
    if not force and index_state(settings, verification="full").fresh:
        return None
    report = progress or _no_progress
    corpus = read_corpus(settings.corpus, keep_going=keep_going, progress=partial(report, "read"))
    passages = [passage for document in corpus.documents for passage in split(document, max_chars=MAX_CHARS)]
    manifest, encoded = _write(settings, corpus, passages, report)
    return BuildReport(manifest, encoded, lost_quotes(corpus.documents), corpus.left_out)


def _write(
    settings: Settings, corpus: Corpus, passages: Sequence[Passage], report: BuildProgress
) -> tuple[Manifest, int]:
    texts = [passage.indexed_text for passage in passages]
    with new_generation(settings.index) as generation:
        rows, encoded = _vectors(settings, texts, report)
        generation.write(corpus.documents, passages, rows)
        lexical.build(texts, generation.path / LEXICAL)
        _prepare_serving(settings, report)
        manifest = generation.publish(
            version=hds_bot.__version__,
            encoder=settings.encoder_identity,
            corpus_sha256=corpus.sha256,
            settings=build_settings(),
        )
    return manifest, encoded


def _vectors(settings: Settings, texts: Sequence[str], report: BuildProgress) -> tuple[FloatArray, int]:
    """One row a text, and how many of them had to be encoded."""
    known = _known_vectors(settings, texts)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        rows = open_for_build(settings).encode_passages(new, progress=partial(report, "encode"))
        known.update(zip(new, rows, strict=True))
    return np.array([known[text] for text in texts], dtype=np.float32), len(new)


def _known_vectors(settings: Settings, texts: Sequence[str]) -> dict[str, FloatArray]:
    try:
        with Index.open(settings.index) as index:
            same = index.manifest.encoder == settings.encoder_identity
            return index.vectors_for(texts) if same else {}
    except IndexError_:
        return {}


def _prepare_serving(settings: Settings, report: BuildProgress) -> None:
    report("prepare", 0, 1)
    compile_if_absent(settings)
    report("prepare", 1, 1)


def _no_progress(_stage: Stage, _done: int, _total: int) -> None: ...
