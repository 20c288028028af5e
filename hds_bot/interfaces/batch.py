"""Many questions, one answer a row in the same order, to standard output or to a file put in place whole."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hds_bot.bot import HdsBot
from hds_bot.errors import HdsBotError, InputError
from hds_bot.interfaces.questions import Question, Refused, is_csv
from hds_bot.render import to_dict

COLUMNS = ("id", "verdict", "summary", "rule", "quote", "document", "section", "missing", "language", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """How many were answered, how many refused."""

    answered: int = 0
    refused: int = 0


def answer_all(bot: HdsBot, questions: Iterable[Question | Refused], write: Callable[[Row], None]) -> Tally:
    """Answer each question, or say why not, and hand the row to `write` before the next is read."""
    tally = Tally()
    for question in questions:
        row = _answered(bot, question)
        tally.refused += "error" in row
        tally.answered += "error" not in row
        write(row)
    return tally


@contextmanager
def writer(path: Path | None) -> Iterator[Callable[[Row], None]]:
    """Give what writes rows to standard output, or to a file put in place only when all are written."""
    if path is None:
        yield _json_writer(sys.stdout)
        return
    with _beside(path) as file:
        yield _csv_writer(file) if is_csv(path) else _json_writer(file)


def _answered(bot: HdsBot, question: Question | Refused) -> Row:
    if isinstance(question, Refused):
        return {"id": question.id, "error": question.error}
    try:
        return {"id": question.id, **to_dict(bot.ask(question.turns, known_facts=question.known_facts))}
    except HdsBotError as error:
        return {"id": question.id, "error": str(error)}


def _json_writer(file: IO[str]) -> Callable[[Row], None]:
    def write(row: Row) -> None:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()

    return write


def _csv_writer(file: IO[str]) -> Callable[[Row], None]:
    table = csv.writer(file)
    table.writerow(COLUMNS)
    return lambda row: table.writerow(_cells(row))


def _cells(row: Row) -> list[str | int]:
    flat = {**row, **(row.get("rule") or {}), "id": row["id"], "rule": (row.get("rule") or {}).get("id")}
    flat["missing"] = ", ".join(missing["fact"] for missing in row.get("missing", ()))
    return [row["id"], *(_harmless(flat.get(name) or "") for name in COLUMNS[1:])]


def _harmless(cell: str) -> str:
    # A spreadsheet would run it as a formula.
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


@contextmanager
def _beside(path: Path) -> Iterator[IO[str]]:
    """Open a file that takes its name when it is whole; whatever fails, what was there stays."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    newline = "" if is_csv(path) else "\n"
    try:
        with draft.open("w", encoding="utf-8", errors="backslashreplace", newline=newline) as file:
            yield file
        os.replace(draft, path)
    except OSError as error:
        raise InputError(
            f"can't be written ({error.strerror})",
            where=str(path),
            next_step="check the folder and its free space",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
