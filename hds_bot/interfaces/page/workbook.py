"""Questions from an Excel sheet, and answers to one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from hds_bot.errors import InputError
from hds_bot.interfaces.questions import FIELDS

_LARGEST = 50_000_000
"""Bytes of a workbook once unpacked."""


def to_jsonl(content: bytes) -> bytes:
    """Give the rows of a workbook's first sheet below its first, which names them, as JSONL; none is left out.

    Raises InputError where it is no workbook, or has no usable header.
    """
    try:
        book = load_workbook(BytesIO(_checked(content)), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        return "\n".join(_lines(rows)).encode()
    except (BadZipFile, KeyError, ValueError, IndexError, OSError) as error:
        raise InputError(
            "is no Excel workbook (.xlsx)", next_step="save it as .xlsx or as CSV UTF-8"
        ) from error


def from_csv(content: bytes) -> bytes:
    """Give a CSV as a workbook; every cell is text, so that none becomes a formula."""
    book = Workbook(write_only=True)
    page = book.create_sheet("HDS")
    for row in csv.reader(StringIO(content.decode("utf-8-sig"))):
        page.append([_text(page, cell) for cell in row])
    made = BytesIO()
    book.save(made)
    return made.getvalue()


def _checked(content: bytes) -> bytes:
    with ZipFile(BytesIO(content)) as parts:
        if sum(part.file_size for part in parts.infolist()) > _LARGEST:
            raise InputError("is too large once unpacked", next_step="split it, or save it as CSV UTF-8")
    return content


def _lines(rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    names = [str(cell or "").strip() for cell in next(rows, ())]
    if "id" not in names or not {"question", "turns"} & set(names):
        raise InputError("has no usable header", next_step=f"name the columns: {', '.join(FIELDS)}")
    for cells in rows:
        row = {
            name: _read(cell) for name, cell in zip(names, cells, strict=False) if name and cell is not None
        }
        # An empty row stays a blank line: lines are counted as the sheet's rows are.
        yield json.dumps(row, ensure_ascii=False, default=str) if row else ""


def _read(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    try:
        # Turns and known facts are JSON within a cell, as in CSV.
        return json.loads(cell) if isinstance(cell, str) and cell.startswith(("[", "{")) else cell
    except ValueError:
        return cell


def _text(page: Any, cell: str) -> WriteOnlyCell:
    written = WriteOnlyCell(page, ILLEGAL_CHARACTERS_RE.sub("", cell))
    written.data_type = "s"
    return written
