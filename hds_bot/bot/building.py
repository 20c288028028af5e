"""A rebuild: corpus to passages to vectors to a new generation; what is known is not worked out again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

import hds_bot
from hds_bot.bot.diff import Diff, compare, keep
from hds_bot.bot.quotes import LostQuote, lost_quotes
from hds_bot.bot.serving import compile_if_absent, open_for_build
from hds_bot.bot.settings import Settings
from hds_bot.bot.state import MAX_CHARS, IndexState, build_settings, index_state
from hds_bot.corpus import Corpus, read_corpus, split
from hds_bot.errors import CorpusError, IndexError_
from hds_bot.index import Manifest
from hds_bot.stores import Draft, Generation
from hds_bot.types import Document, FloatArray, Passage

Stage = Literal["read", "encode", "prepare", "ask"]
BuildProgress = Callable[[Stage, int, int], None]
"""Called with (stage, done, total): documents read, passages encoded, serving encoder prepared; for a diff
also questions asked."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build found and did."""

    manifest: Manifest
    encoded: int
    """Passages whose vectors were not known yet."""
    lost: tuple[LostQuote, ...]
    left_out: tuple[tuple[str, str], ...]
    """(path inside the corpus, reason) of files that were not read."""
    diff: Diff | None = None
    """From the index that was in force, answers left out; None where there was none."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an index is made from: the corpus as read, its passages in order."""

    corpus: Corpus
    passages: tuple[Passage, ...]


def build_index(
    settings: Settings,
    *,
    force: bool = False,
    keep_going: bool = False,
    progress: BuildProgress | None = None,
) -> BuildReport | None:
    """Bring the index up to date; None where it is already, unless `force`, which reads every document anew.

    `keep_going` leaves bad documents out instead of stopping. Raises CorpusError, EncoderError, IndexBusy
    or IndexError_; whatever is raised, the index in force stays as it was.
    """
    report = progress or no_progress
    state = index_state(settings, verification="full", corpus_too=False)
    with index_in_force(settings) as before:
        try:
            material = gather(settings, None if force else before, keep_going=keep_going, progress=report)
        except CorpusError:
            # A document that was left out before is no reason to stop, as long as all is as it was.
            if not force and index_state(settings).fresh:
                return None
            raise
        if not force and state.fresh and _same_corpus(before, material):
            return None
        with settings.open_store().build() as draft:
            encoded = write(draft, settings, material, before, progress=report)
            _prepare_serving(settings, state, report)
            manifest = publish(draft, settings, material)
        diff = compare(before, material.corpus, material.passages) if before else None
    if diff:
        keep(settings, diff)
    lost = lost_quotes(material.corpus.documents)
    return BuildReport(manifest, encoded, lost, material.corpus.left_out, diff)


@contextmanager
def index_in_force(settings: Settings) -> Iterator[Generation | None]:
    """Open the index in force, None where there is none to use."""
    try:
        index = settings.open_store().open()
    except IndexError_:
        yield None
        return
    with closing(index):
        yield index


def gather(
    settings: Settings, before: Generation | None, *, keep_going: bool, progress: BuildProgress
) -> Material:
    """Read and split the corpus; documents that are the same in `before` are taken from there.

    Raises CorpusError.
    """
    known = _known_documents(before)
    corpus = read_corpus(
        settings.corpus, keep_going=keep_going, known=known.values(), progress=partial(progress, "read")
    )
    kept = {document.id for document in corpus.documents if known.get(document.id) is document}
    return Material(corpus, tuple(_passages(corpus.documents, before, kept)))


def write(
    draft: Draft,
    settings: Settings,
    material: Material,
    before: Generation | None,
    *,
    progress: BuildProgress,
) -> int:
    """Write passages, vectors and words; gives how many passages had to be encoded."""
    texts = [passage.indexed_text for passage in material.passages]
    rows, encoded = _vectors(settings, texts, before, progress)
    like = before if before is not None and _same_code(before) else None
    draft.write(material.corpus.documents, material.passages, rows, like=like)
    return encoded


def publish(draft: Draft, settings: Settings, material: Material) -> Manifest:
    """Seal the generation and put it in force."""
    return draft.publish(
        version=hds_bot.__version__,
        encoder=settings.encoder_identity,
        corpus_sha256=material.corpus.sha256,
        settings=build_settings(),
    )


# -- what is known already ----------------------------------------------------------------


def _known_documents(before: Generation | None) -> Mapping[str, Document]:
    return dict(before.documents) if before is not None and _same_code(before) else {}


def _same_code(before: Generation) -> bool:
    """Tell whether this very code would read, split and weigh words as was done for the index."""
    manifest = before.manifest
    return manifest.version == hds_bot.__version__ and dict(manifest.settings) == build_settings()


def _same_corpus(before: Generation | None, material: Material) -> bool:
    return before is not None and before.manifest.corpus_sha256 == material.corpus.sha256


def _passages(documents: Iterable[Document], before: Generation | None, kept: set[str]) -> Iterator[Passage]:
    for document in documents:
        if before is not None and document.id in kept:
            yield from before.passages_of(document.id)
        else:
            yield from split(document, max_chars=MAX_CHARS)


def _vectors(
    settings: Settings, texts: Sequence[str], before: Generation | None, progress: BuildProgress
) -> tuple[FloatArray, int]:
    """One row a text, and how many of them had to be encoded."""
    known = _known_vectors(settings, texts, before)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        rows = open_for_build(settings).encode_passages(new, progress=partial(progress, "encode"))
        known.update(zip(new, rows, strict=True))
    return np.array([known[text] for text in texts], dtype=np.float32), len(new)


def _known_vectors(
    settings: Settings, texts: Sequence[str], before: Generation | None
) -> dict[str, FloatArray]:
    if before is None or before.manifest.encoder != settings.encoder_identity:
        return {}
    return before.vectors_for(texts)


def _prepare_serving(settings: Settings, state: IndexState, progress: BuildProgress) -> None:
    progress("prepare", 0, 1)
    if state.manifest is None or "encoder" in state.changed:
        compile_if_absent(settings)
    progress("prepare", 1, 1)


def no_progress(_stage: Stage, _done: int, _total: int) -> None:
    """Tell nobody."""
