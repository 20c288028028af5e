"""The questions that a diff asks on both sides: the package's own, a file's, saved records'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from hds_bot.bot import Asked
from hds_bot.errors import InputError
from hds_bot.interfaces.questions import Refused, read_questions
from hds_bot.render import read_record


def read_asked(questions: Path | None = None, records: Iterable[Path] = ()) -> tuple[Asked, ...]:
    """Read a file of questions, else the package's own, then the records.

    The package's own reach each rule that a labelled question reaches. Raises InputError at the first line or
    record that can't be read.
    """
    with resources.as_file(resources.files(__package__) / "questions.jsonl") as packaged:
        return (*_questions(questions or packaged), *map(_recorded, records))


def _questions(path: Path) -> Iterator[Asked]:
    for question in read_questions(path):
        if isinstance(question, Refused):
            raise InputError(question.error, where=str(path), next_step="mend that line")
        yield Asked(str(question.id), question.turns, question.known_facts or {})


def _recorded(path: Path) -> Asked:
    record = read_record(path)
    known = {fact["id"]: fact["value"] for fact in record["facts"] if fact["method"] == "user"}
    return Asked(path.name, record["turns"], known)
