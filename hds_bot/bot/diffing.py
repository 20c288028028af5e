"""What the corpus as it stands would change, asked before it does: every question answered on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from hds_bot.bot.answering import answer
from hds_bot.bot.building import BuildProgress, Material, gather, no_progress, publish, write
from hds_bot.bot.diff import AnswerChange, Diff, compare, keep
from hds_bot.bot.question import clean_turns
from hds_bot.bot.settings import Settings
from hds_bot.bot.snapshot import Snapshot
from hds_bot.retrieval import Retriever
from hds_bot.types import Answer, FactValue, Passage


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to ask on both sides."""

    id: str
    turns: str | Sequence[str]
    known: Mapping[str, FactValue] = field(default_factory=dict)


def diff_index(
    settings: Settings,
    questions: Sequence[Asked] = (),
    *,
    keep_going: bool = False,
    progress: BuildProgress | None = None,
) -> Diff:
    """Compare the index in force with the corpus as it stands, and ask every question on both sides.

    The index stays as it is: the other side is built in a temporary folder, for today's rules and encoder on
    both. Raises IndexMissing, IndexDamaged, IndexMismatch, CorpusError, EncoderError, or InputError for a
    question that can't be asked.
    """
    report = progress or no_progress
    now = Snapshot.open(settings)
    before = now.retriever.index
    material = gather(settings, before, keep_going=keep_going, progress=report)
    diff = compare(before, material.corpus, material.passages, known=material.known)
    if questions:
        answers = _compare_answers(settings, now, material, questions, report) if diff.documents else ()
        diff = replace(diff, asked=len(questions), answers=answers)
    keep(settings, diff)
    return diff


# -- answers ------------------------------------------------------------------------------


def _compare_answers(
    settings: Settings,
    now: Snapshot,
    material: Material,
    questions: Sequence[Asked],
    progress: BuildProgress,
) -> tuple[AnswerChange, ...]:
    changes: list[AnswerChange] = []
    with _drafted(settings, now, material, progress) as later:
        for done, asked in enumerate(questions, 1):
            change = _compare_answer(asked, *_ask(asked, now, later))
            changes += [change] if change else []
            progress("ask", done, len(questions))
    return tuple(changes)


@contextmanager
def _drafted(
    settings: Settings, now: Snapshot, material: Material, progress: BuildProgress
) -> Iterator[Snapshot]:
    """Build the other side where nobody is answered from it; it goes when it has served."""
    same = replace(settings, encoder=now.encoder)
    # Read, not copied: a build may remove the files of the generation in force meanwhile.
    material = replace(material, passages=tuple(material.passages))
    with settings.open_store().scratch() as store:
        with store.build() as draft:
            write(draft, same, material, now.retriever.index, progress=progress)
            publish(draft, same, material)
        later = Snapshot(Retriever.open(store, now.encoder), now.encoder)
        try:
            yield later
        finally:
            later.retriever.index.close()


def _ask(asked: Asked, now: Snapshot, later: Snapshot) -> tuple[Answer, Answer]:
    """Answer on both sides from one reading: what a question says does not depend on the corpus."""
    turns = clean_turns(asked.turns)
    reading = now.read(turns, asked.known)
    return (
        answer(now, turns, asked.known, reading=reading),
        answer(later, turns, asked.known, reading=reading),
    )


def _compare_answer(asked: Asked, before: Answer, after: Answer) -> AnswerChange | None:
    if _outcome(before) == _outcome(after):
        return None
    return AnswerChange(
        asked.id,
        after.question,
        before.verdict,
        after.verdict,
        _first_citation(before),
        _first_citation(after),
        to_review=after.to_review,
    )


def _outcome(given: Answer) -> tuple[object, ...]:
    """Verdict, and the words cited first: of a passage that a rule cites, only those it is pinned to."""
    cited = given.passages[:1]
    words = [(first.passage.document, first.quote or first.passage.text) for first in cited]
    return given.verdict, given.to_review, words


def _first_citation(given: Answer) -> Passage | None:
    return given.passages[0].passage if given.passages else None
