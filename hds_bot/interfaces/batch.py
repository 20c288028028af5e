"""Many questions, one answer a row in the same order, to standard output or to a file put in place whole."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from hds_bot.bot import HdsBot
from hds_bot.errors import HdsBotError, InputError
from hds_bot.interfaces.questions import Question, Refused, is_csv, is_xlsx, refuse_other_tables, workbook
from hds_bot.types import Language

COLUMNS = (
    "id",
    "line",
    "question",
    "verdict",
    "summary",
    "rule",
    "quote",
    "document",
    "section",
    "missing",
    "language",
    "error",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """How many were answered, how many refused."""

    answered: int = 0
    refused: int = 0

    def add(self, row: Row) -> None:
        """Count a row that was written."""
        self.refused += "error" in row
        self.answered += "error" not in row


class Interrupted(KeyboardInterrupt):
    """Ctrl+C while a file was written: `kept` is where its rows so far are."""

    def __init__(self, kept: Path) -> None:
        super().__init__()
        self.kept = kept


def answer_all(
    bot: HdsBot,
    questions: Iterable[Question | Refused],
    write: Callable[[Row], None],
    *,
    language: Language | None = None,
    tally: Tally | None = None,
) -> Tally:
    """Answer each question, or say why not, and hand the row to `write` before the next is read.

    `tally` is counted on as rows are written, for whoever is interrupted.
    """
    tally = tally or Tally()
    for question in questions:
        row = _answered(bot, question, language)
        write(row)
        tally.add(row)
    return tally


@contextmanager
def writer(path: Path | None) -> Iterator[Callable[[Row], None]]:
    """Give what writes rows to standard output, or to a file put in place only when all are written.

    Raises Interrupted at Ctrl+C, the rows so far kept in a file of their own.
    """
    if path is None:
        yield _json_writer(sys.stdout)
        return
    refuse_other_tables(path)
    to_sheet = workbook().from_csv if is_xlsx(path) else None
    with _beside(path, to_sheet) as file:
        yield _csv_writer(file) if _is_table(path) else _json_writer(file)


def refuse_input_as_output(questions: Path, output: Path | None) -> None:
    """Raise InputError where the answers would take the place of the questions."""
    with suppress(OSError):
        given = os.fstat(sys.stdin.fileno()) if str(questions) == "-" else questions.stat()
        if output is not None and os.path.samestat(given, output.stat()):
            raise InputError(
                "is the file of the questions, which the answers would replace",
                where=str(output),
                next_step="name another file for the answers",
            )


def _answered(bot: HdsBot, question: Question | Refused, language: Language | None) -> Row:
    place = {"id": question.id, **({"line": question.line} if question.line else {})}
    if isinstance(question, Refused):
        return {**place, "error": question.error}
    try:
        answer = bot.ask(question.turns, known_facts=question.known_facts, language=language)
        return {**place, **answer.to_dict()}
    except HdsBotError as error:
        return {**place, **_asked(question), "error": str(error)}


def _asked(question: Question) -> Row:
    # Whoever asks without a file has the question at hand.
    turns = [question.turns] if isinstance(question.turns, str) else question.turns
    return {"question": "\n".join(map(str, turns))} if question.line else {}


def _json_writer(file: IO[str]) -> Callable[[Row], None]:
    def write(row: Row) -> None:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()

    return write


def _csv_writer(file: IO[str]) -> Callable[[Row], None]:
    table = csv.writer(file)
    table.writerow(COLUMNS)

    def write(row: Row) -> None:
        table.writerow(_cells(row))
        file.flush()

    return write


def _cells(row: Row) -> list[str | int]:
    flat = {**row, **(row.get("rule") or {}), "id": row["id"], "rule": (row.get("rule") or {}).get("id")}
    flat["missing"] = ", ".join(missing["fact"] for missing in row.get("missing", ()))
    flat["question"] = "\n".join(row["turns"]) if "turns" in row else row.get("question")
    return [row["id"], row.get("line", ""), *(_harmless(flat.get(name) or "") for name in COLUMNS[2:])]


def _harmless(cell: str) -> str:
    # A spreadsheet would run it as a formula.
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


@contextmanager
def _beside(path: Path, to_sheet: Callable[[bytes], bytes] | None) -> Iterator[IO[str]]:
    """Open a file that takes its name when it is whole; whatever fails, what was there stays."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    newline = "" if _is_table(path) else "\n"
    try:
        with draft.open("w", encoding="utf-8", errors="backslashreplace", newline=newline) as file:
            yield file
        if to_sheet:
            draft.write_bytes(to_sheet(draft.read_bytes()))
        os.replace(draft, path)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(_keep(draft, path)) from interrupt
    except OSError as error:
        raise InputError(
            f"can't be written ({error.strerror})",
            where=str(path),
            next_step="check the folder and its free space",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _keep(draft: Path, path: Path) -> Path:
    """Give what is written so far a name that none has: "out.part1.csv" for "out.csv", also for "out.xlsx"."""
    suffix = ".csv" if _is_table(path) else path.suffix
    names = (path.with_name(f"{path.stem}.part{number}{suffix}") for number in count(1))
    return draft.rename(next(name for name in names if not name.exists()))


def _is_table(path: Path) -> bool:
    return is_csv(path) or is_xlsx(path)
