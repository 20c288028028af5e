"""A rebuild: corpus to passages to vectors to a new generation; what is known is not worked out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Literal

import numpy as np

import hds_bot
from hds_bot import encoder as encoders
from hds_bot.bot.diff import Diff, compare, keep
from hds_bot.bot.quotes import LostQuote, lost_quotes
from hds_bot.bot.serving import (
    compile_if_absent,
    open_for_build,
    open_light_form,
    remove_unused_light_forms,
)
from hds_bot.bot.settings import Settings
from hds_bot.bot.state import MAX_CHARS, build_settings, changed_parts, index_state
from hds_bot.corpus import Corpus, read_corpus, split
from hds_bot.errors import CorpusError, IndexError_
from hds_bot.index import Index, Manifest, Revision
from hds_bot.stores import Draft, Generation
from hds_bot.types import Document, Encoder, FloatArray, Passage

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
    passages: Sequence[Passage]
    known: Mapping[str, Document]
    """Documents of the index in force that may be taken as they are, by id."""


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
    light = open_light_form(settings)
    with _index_in_force(settings) as before:
        try:
            material = gather(settings, None if force else before, keep_going=keep_going, progress=report)
        except CorpusError:
            # A document that was left out before is no reason to stop, as long as all is as it was.
            if not force and index_state(settings).fresh:
                return None
            raise
        if not force and _fresh(settings, before, material, light):
            return None
        with settings.open_store().build() as draft:
            overtaken = before is not None and settings.open_store().current() != before.generation
            if not overtaken:
                encoded = write(draft, settings, material, before, encoder=light, progress=report)
                _prepare_serving(settings, light, report)
                manifest = publish(draft, settings, material)
                remove_unused_light_forms(settings)
        if not overtaken:
            diff = _changes(before, material)
            if diff:
                keep(settings, diff)
            lost = lost_quotes(material.corpus.documents)
            return BuildReport(manifest, encoded, lost, material.corpus.left_out, diff)
    # What this build began from has been replaced by another one.
    return build_index(settings, force=force, keep_going=keep_going, progress=progress)


def _changes(before: Generation | None, material: Material) -> Diff | None:
    if before is None:
        return None
    return compare(before, material.corpus, material.passages, known=material.known)


@contextmanager
def _index_in_force(settings: Settings) -> Iterator[Generation | None]:
    """Open the index in force, every hash checked; None where there is none to use."""
    try:
        index = settings.open_store().open(verification="full")
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
    return Material(corpus, _passages(settings, corpus.documents, before, known), known)


def write(
    draft: Draft,
    settings: Settings,
    material: Material,
    before: Generation | None,
    *,
    encoder: Encoder | None = None,
    progress: BuildProgress,
) -> int:
    """Write passages, vectors and words; gives how many passages had to be encoded.

    `encoder` is the one of the settings, where it is open already.
    """
    passages = material.passages
    new_passages = passages.new if isinstance(passages, Revision) else passages
    texts = list(dict.fromkeys(passage.indexed_text for passage in new_passages))
    known = _known_vectors(settings, texts, before)
    if new := [text for text in texts if text not in known]:
        encoder = encoder or open_for_build(settings)
        rows = encoder.encode_passages(new, progress=partial(progress, "encode"))
        known.update(zip(new, rows, strict=True))
    draft.write(material.corpus.documents, passages, _rows(passages, known))
    return len(new)


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
    """Documents that reading their files again would give again."""
    if before is None or not _same_code(before):
        return {}
    return {document.id: document for document in before.documents.values()}


def _same_code(before: Generation) -> bool:
    """Tell whether this very code would read, split and weigh words as was done for the index."""
    manifest = before.manifest
    return manifest.version == hds_bot.__version__ and dict(manifest.settings) == build_settings()


def _fresh(settings: Settings, before: Generation | None, material: Material, light: Encoder | None) -> bool:
    """Tell whether a build would change nothing."""
    if before is None or before.manifest.corpus_sha256 != material.corpus.sha256:
        return False
    lacks_light = settings.encoder == encoders.DEFAULT and light is None
    return not changed_parts(before.manifest, settings, lacks_light=lacks_light)


def _passages(
    settings: Settings,
    documents: Sequence[Document],
    before: Generation | None,
    known: Mapping[str, Document],
) -> Sequence[Passage]:
    """Cut what is new; what is known is taken over as it lies, or read."""

    def cut(document: Document) -> tuple[Passage, ...]:
        return split(document, max_chars=MAX_CHARS)

    kept = {document.id for document in documents if known.get(document.id) is document}
    if before is None or not kept:
        return tuple(chain.from_iterable(map(cut, documents)))
    if isinstance(before, Index) and before.manifest.encoder == settings.encoder_identity:
        entries = {entry.id: entry for entry in before.entries}
        return Revision(before, [entries[d.id] if d.id in kept else cut(d) for d in documents])
    parts = (before.passages_of(d.id) if d.id in kept else cut(d) for d in documents)
    return tuple(chain.from_iterable(parts))


def _rows(passages: Sequence[Passage], known: Mapping[str, FloatArray]) -> FloatArray:
    """One row a passage."""
    if isinstance(passages, Revision):
        return passages.rows(known)
    return np.array([known[passage.indexed_text] for passage in passages], dtype=np.float32)


def _known_vectors(
    settings: Settings, texts: Sequence[str], before: Generation | None
) -> dict[str, FloatArray]:
    if before is None or before.manifest.encoder != settings.encoder_identity:
        return {}
    return before.vectors_for(texts)


def _prepare_serving(settings: Settings, light: Encoder | None, progress: BuildProgress) -> None:
    progress("prepare", 0, 1)
    if light is None:
        compile_if_absent(settings)
    progress("prepare", 1, 1)


def no_progress(_stage: Stage, _done: int, _total: int) -> None:
    """Tell nobody."""
