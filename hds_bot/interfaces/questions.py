"""Questions from a JSONL, CSV or Excel file, read one at a time; a bad line is told, and never stops the rest."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from hds_bot.errors import InputError
from hds_bot.types import FactValue

FIELDS = ("id", "question", "turns", "known_facts")
LONGEST_LINE = 1_000_000
"""Bytes of a line, beyond which it is refused unread."""
_OTHER_TABLES = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a file."""

    id: str | int
    turns: str | list[str]
    known_facts: Mapping[str, FactValue] | None = None
    line: int = field(default=0, compare=False)
    """Of the file, from 1, or row of the sheet; 0 where there is no file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no question, and why."""

    id: str | int | None
    error: str
    line: int = field(default=0, compare=False)


def read_questions(path: Path) -> Iterator[Question | Refused]:
    """Each line of a .csv, .xlsx or JSONL file ("-" is standard input), as a question or refused.

    Raises InputError where the file can't be opened, where a table has no usable header, or is of another kind.
    """
    refuse_other_tables(path)
    seen: set[str | int] = set()
    with _opened(path) as lines:
        for number, row in _rows(lines, path):
            yield _question(row, number, seen)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(
            f"can't be read ({error.strerror})",
            where=str(path),
            next_step="check the name and the permissions",
        ) from error
    with file:
        yield file


def _rows(file: IO[bytes], path: Path) -> Iterator[tuple[int, object]]:
    if is_csv(path):
        return _csv_rows(file, path)
    return _sheet_rows(file, path) if is_xlsx(path) else _json_rows(file)


def _sheet_rows(file: IO[bytes], path: Path) -> Iterator[tuple[int, object]]:
    try:
        lines = workbook().to_jsonl(file.read())
    except InputError as error:
        raise InputError(error.what, where=error.where or str(path), next_step=error.next_step) from error
    # Its first row is the header.
    return ((number + 1, row) for number, row in _json_rows(BytesIO(lines)))


def _json_rows(file: IO[bytes]) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(_lines(file), 1):
        try:
            if line.strip():
                yield number, json.loads(_decoded(line))
        except (ValueError, RecursionError) as error:
            yield number, InputError(f"is no JSON ({error})")
        except InputError as error:
            yield number, error


def _csv_rows(file: IO[bytes], path: Path) -> Iterator[tuple[int, object]]:
    text = (line.decode("utf-8", "surrogateescape") for line in _lines(file))
    header = next(text, "").removeprefix("\ufeff")
    delimiter = max(";,\t", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    _refuse_odd_header(names, path)
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            if cells := next(reader):
                yield reader.line_num + 1, _csv_row(names, cells)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num + 1, InputError(f"is no CSV ({error})")


def _csv_row(names: list[str], cells: list[str]) -> object:
    if len(cells) > len(names):
        return InputError(f"has {len(cells)} cells, the header {len(names)}")
    if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
        return InputError("is not UTF-8: save the file as CSV UTF-8")
    row: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    for name in ("turns", "known_facts"):
        with suppress(ValueError):
            row |= {name: json.loads(row[name])} if name in row else {}
    return row


def _refuse_odd_header(names: list[str], path: Path) -> None:
    if "id" not in names or not {"question", "turns"} & set(names) or len(set(names)) < len(names):
        raise InputError(
            "has no usable header",
            where=f"{path}:1",
            next_step=f"name the columns in the first line: {', '.join(FIELDS)}",
        )


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines, each cut where it is longer than any that is answered, so that memory stays bounded."""
    while line := file.readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE + 1)
        yield line


def _decoded(line: bytes) -> str:
    if len(line) > LONGEST_LINE:
        raise InputError(f"is longer than {LONGEST_LINE:,} bytes")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 (byte {error.start + 1})") from error


def _question(row: object, number: int, seen: set[str | int]) -> Question | Refused:
    identifier = row.get("id") if isinstance(row, dict) else None
    try:
        if isinstance(row, InputError):
            raise row
        question = _checked(row, number)
        if question.id in seen:
            raise InputError(f"repeats the id {question.id!r}")
        seen.add(question.id)
        return question
    except InputError as error:
        return Refused(identifier if _is_identifier(identifier) else None, f"line {number}: {error}", number)


def _checked(row: object, number: int) -> Question:
    if not isinstance(row, dict):
        raise InputError("is no object", next_step='write {"id": …, "turns": […]}')
    if not _is_identifier(row.get("id")):
        raise InputError(
            "has no id" if "id" not in row else "has an id that is neither text nor a whole number"
        )
    if ("turns" in row) == ("question" in row):
        raise InputError("needs either turns or question")
    turns, known = row.get("turns", row.get("question")), row.get("known_facts")
    if not isinstance(turns, str | list):
        raise InputError("has turns that are neither text nor a list")
    if not isinstance(known, dict | None):
        raise InputError("has known_facts that are no object")
    return Question(row["id"], turns, known, number)


def _is_identifier(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def is_csv(path: Path) -> bool:
    """Tell by its suffix whether a file is a CSV table."""
    return path.suffix.lower() == ".csv"


def is_xlsx(path: Path) -> bool:
    """Tell by its suffix whether a file is an Excel workbook."""
    return path.suffix.lower() == ".xlsx"


def refuse_other_tables(path: Path) -> None:
    """Raise InputError for the spreadsheets that are neither read nor written."""
    if path.suffix.lower() in _OTHER_TABLES:
        raise InputError(
            f"is a spreadsheet of a kind ({path.suffix}) that is neither read nor written",
            where=str(path),
            next_step="use .xlsx, or CSV UTF-8",
        )


def workbook() -> ModuleType:
    """Give what reads and writes Excel workbooks. Raises InputError where it isn't installed."""
    try:
        from hds_bot.interfaces.page import workbook as module
    except ImportError as error:
        raise InputError(
            f"Excel workbooks need {error.name}", next_step="pip install 'hds-bot[page]', or use CSV UTF-8"
        ) from error
    return module
