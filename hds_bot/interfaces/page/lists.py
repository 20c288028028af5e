"""Many questions at once, pasted or from a file, answered with a bar that follows, to be downloaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from hds_bot.bot import HdsBot
from hds_bot.errors import InputError
from hds_bot.interfaces import batch
from hds_bot.interfaces.batch import Row
from hds_bot.interfaces.page import header, privacy, reasons, refusal, state, workbook
from hds_bot.interfaces.page.markup import Html, label, tag
from hds_bot.interfaces.page.table import cell, row, table
from hds_bot.interfaces.page.wording import Words, words
from hds_bot.interfaces.questions import Question, Refused, read_questions
from hds_bot.render import words as answer_words
from hds_bot.types import Verdict

MOST = 2_000
"""Questions of a list; the command line answers any number."""
_SHOWN = 50
_LONGEST = 300
"""Rows, and characters of a question, in the table on the page."""


@dataclass(frozen=True, slots=True)
class _Given:
    name: str
    content: bytes


def show(bot: HdsBot) -> None:
    """Show where to give a list, answer it, and show what can be downloaded."""
    state.leave()
    say = words(state.language())
    header.show(say, say("list.title"))
    st.html(tag("p", say("list.hint", most=MOST), class_="hds-subtitle"))
    given = _given(say)
    if st.button(say("list.answer"), key="answer-list", type="primary", disabled=given is None) and given:
        _answer(bot, given, say)
    if rows := st.session_state.get("rows"):
        _results(rows, say)


# -- what is given ------------------------------------------------------------------------


def _given(say: Words) -> _Given | None:
    file = st.file_uploader(say("list.file"), ["csv", "xlsx", "jsonl"], key="list-file")
    pasted = st.text_area(say("list.paste"), key="list-pasted", height=140)
    if file is not None:
        return _Given(file.name, file.getvalue())
    return _Given("pasted.jsonl", _lines(pasted)) if pasted.strip() else None


def _lines(pasted: str) -> bytes:
    """Give one question a line as JSONL, numbered from 1."""
    asked = filter(None, map(str.strip, pasted.splitlines()))
    rows = (json.dumps({"id": number, "question": text}) for number, text in enumerate(asked, 1))
    return "\n".join(rows).encode()


# -- answering ----------------------------------------------------------------------------


def _answer(bot: HdsBot, given: _Given, say: Words) -> None:
    st.session_state.rows = None
    rows: list[Row] = []
    bar = st.progress(0.0)
    try:
        with TemporaryDirectory() as folder:
            questions = list(_read(given, Path(folder)))
        batch.answer_all(bot, _followed(questions, bar, say), rows.append)
    except InputError as error:
        _refused(error, say)
    bar.empty()
    st.session_state.rows = rows


def _refused(error: InputError, say: Words) -> None:
    why, spoken = reasons.told(str(InputError(error.what, next_step=error.next_step)), say)
    if spoken:
        told = f"{say('list.refused')} {error.where} : {why}"
        st.html(tag("p", told, role="alert", class_="hds-refused"))
    else:
        refusal.show(say("list.refused"), error, say)


def _read(given: _Given, folder: Path) -> Iterator[Question | Refused]:
    """Read a file that was uploaded. Raises InputError, which names it as the user does."""
    path = folder / f"questions{Path(given.name).suffix.lower()}"
    path.write_bytes(given.content)
    try:
        yield from _questions(path)
    except InputError as error:
        where = error.where.replace(str(path), given.name)
        raise InputError(error.what, where=where, next_step=error.next_step) from error


def _questions(path: Path) -> Iterator[Question | Refused]:
    for number, question in enumerate(read_questions(path)):
        if number == MOST:
            raise InputError(
                f"has more than {MOST:,} questions",
                where=str(path),
                next_step="answer it with hds-bot batch FILE",
            )
        yield _masked(question)


def _masked(question: Question | Refused) -> Question | Refused:
    if isinstance(question, Refused):
        return question
    names, turns = words(state.language()).under("private"), question.turns
    if isinstance(turns, str):
        return replace(question, turns=privacy.mask(turns, names))
    return replace(
        question, turns=[privacy.mask(turn, names) if isinstance(turn, str) else turn for turn in turns]
    )


def _followed(
    questions: list[Question | Refused], bar: st.delta_generator.DeltaGenerator, say: Words
) -> Iterator[Question | Refused]:
    for number, question in enumerate(questions):
        bar.progress(number / len(questions), say("list.progress", done=number, total=len(questions)))
        yield question


# -- what came of it ----------------------------------------------------------------------


def _results(rows: list[Row], say: Words) -> None:
    refused = sum("error" in row for row in rows)
    st.html(tag("p", say("list.done", answered=len(rows) - refused, refused=refused), role="status"))
    with st.container(horizontal=True, gap="small"):
        for suffix, made in (("csv", _csv), ("xlsx", _xlsx), ("jsonl", _jsonl)):
            st.download_button(
                label(say("list.download", kind=suffix.upper())),
                partial(made, rows),
                f"{say('file.list')}.{suffix}",
                key=f"download-list-{suffix}",
                on_click="ignore",
                icon=":material/download:",
            )
    st.html(_table(rows[:_SHOWN], say))
    if len(rows) > _SHOWN:
        st.html(tag("p", say("list.more", count=len(rows) - _SHOWN), class_="hds-hint"))


def _table(rows: Iterable[Row], say: Words) -> Html:
    columns = [say(f"column.{name}") for name in ("id", "verdict", "summary")]
    return table(columns, (_row(one, say) for one in rows), kind="hds-answers")


def _row(given: Row, say: Words) -> Html:
    speak = answer_words(say.language)
    if "error" in given:
        why, spoken = reasons.told(str(given["error"]), say)
        cells = (cell(say("list.no_answer")), cell(why, lang="" if spoken else "en"))
    else:
        verdict = Verdict(given["verdict"])
        told = f"{speak.icon[verdict]} {speak.verdict[verdict]}"
        cells = (cell(told), cell(str(given["summary"]), lang=given["language"]))
    return row(_heading(given, say), *cells)


def _heading(given: Row, say: Words) -> str:
    """Give id and question; the line, where it was refused."""
    line = say("list.line", line=given["line"]) if "error" in given and "line" in given else ""
    known = (given["id"], line, str(given.get("question") or "")[:_LONGEST])
    return " — ".join(str(part) for part in known if part not in (None, ""))


def _jsonl(rows: list[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _csv(rows: list[Row]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answers.csv"
        with batch.writer(path) as write:
            for row in rows:
                write(row)
        return "\ufeff".encode() + path.read_bytes()


def _xlsx(rows: list[Row]) -> bytes:
    return workbook.from_csv(_csv(rows))
