"""Many questions from a file: one answer a line, order kept, a bad line never stops the rest."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from hds_bot import HdsBot
from hds_bot.errors import InputError
from hds_bot.interfaces.batch import COLUMNS, Interrupted, answer_all, writer
from hds_bot.interfaces.cli import main
from hds_bot.interfaces.questions import LONGEST_LINE, Question, Refused, read_questions
from hds_bot.render import to_dict

CLINIC = "Une clinique doit-elle prendre un hébergeur HDS ?"


def answered(bot: HdsBot, path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    answer_all(bot, read_questions(path), lambda row: rows.append(dict(row)))
    return rows


def write_lines(path: Path, *lines: object) -> Path:
    encoded = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(b"\n".join(encoded) + b"\n")
    return path


def test_each_line_gets_the_answer_that_asking_gives_under_its_id_in_order(
    bot: HdsBot, tmp_path: Path
) -> None:
    path = write_lines(
        tmp_path / "in.jsonl",
        {"id": "b", "question": CLINIC},
        {"id": 7, "turns": ["Je suis médecin, HDS ?", "J'ai un logiciel de gestion médicale."]},
        {"id": "a", "turns": CLINIC, "known_facts": {"health_data": False}},
    )
    rows = answered(bot, path)
    assert [row["id"] for row in rows] == ["b", 7, "a"]
    assert rows[0] == {"id": "b", "line": 1, **to_dict(bot.ask(CLINIC))}
    assert [row["verdict"] for row in rows] == ["oui", "oui", "non"]


@pytest.mark.parametrize(
    ("line", "identifier", "says"),
    [
        (b"{not json", None, "is no JSON"),
        (b"42", None, "is no object"),
        (b"[]", None, "is no object"),
        (b"null", None, "is no object"),
        (b'"text"', None, "is no object"),
        (b"[" * 100_000, None, "is no JSON"),
        (b"\xff\xfe", None, r"is not UTF-8 \(byte 1\)"),
        (b'"' + b"a" * LONGEST_LINE + b'"', None, "is longer than 1,000,000 bytes"),
        ({"question": CLINIC}, None, "has no id"),
        ({"id": None, "question": CLINIC}, None, "neither text nor a whole number"),
        ({"id": True, "question": CLINIC}, None, "neither text nor a whole number"),
        ({"id": 1.5, "question": CLINIC}, None, "neither text nor a whole number"),
        ({"id": "first", "question": CLINIC}, "first", "repeats the id 'first'"),
        ({"id": "x"}, "x", "needs either turns or question"),
        ({"id": "x", "turns": [CLINIC], "question": CLINIC}, "x", "needs either turns or question"),
        ({"id": "x", "turns": 3}, "x", "neither text nor a list"),
        ({"id": "x", "turns": [3]}, "x", "turn 1: is no text but int"),
        ({"id": "x", "turns": []}, "x", "there is no question"),
        ({"id": "x", "question": " "}, "x", "turn 1: is blank"),
        ({"id": "x", "question": CLINIC, "known_facts": []}, "x", "known_facts that are no object"),
        ({"id": "x", "question": CLINIC, "known_facts": {"colour": True}}, "x", "no fact “colour”"),
    ],
)
def test_a_bad_line_gives_its_error_and_the_next_is_answered(
    bot: HdsBot, tmp_path: Path, line: object, identifier: object, says: str
) -> None:
    first, last = {"id": "first", "question": CLINIC}, {"id": "last", "question": CLINIC}
    rows = answered(bot, write_lines(tmp_path / "in.jsonl", first, line, last))
    assert [row["id"] for row in rows] == ["first", identifier, "last"]
    assert set(rows[1]) - {"question"} == {"id", "line", "error"}
    assert rows[1]["line"] == 2
    assert re.search(says, rows[1]["error"])
    assert rows[2]["verdict"] == "oui"


def test_blank_lines_are_passed_over_and_still_counted(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", b"", {"id": 1, "question": CLINIC}, b"  ", b"oops")
    first, second = read_questions(path)
    assert first == Question(1, CLINIC)
    assert isinstance(second, Refused)
    assert second.error.startswith("line 4:")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    for name, content in (
        ("a.jsonl", '\ufeff{"id": 1, "question": "é"}\n'),
        ("a.csv", "\ufeffid,question\n1,é\n"),
    ):
        (tmp_path / name).write_text(content, "utf-8")
        (question,) = read_questions(tmp_path / name)
        assert isinstance(question, Question)
        assert question.turns == "é"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_with_any_usual_delimiter(tmp_path: Path, delimiter: str) -> None:
    table = io.StringIO()
    rows = csv.writer(table, delimiter=delimiter)
    rows.writerow(["id", "turns", "known_facts"])
    rows.writerow(["1", json.dumps(["Un;e, deux", "trois"]), '{"anonymised": true}'])
    rows.writerow(["2", "Sur deux\nlignes ?", ""])
    (tmp_path / "in.csv").write_text(table.getvalue(), "utf-8")
    assert list(read_questions(tmp_path / "in.csv")) == [
        Question("1", ["Un;e, deux", "trois"], {"anonymised": True}),
        Question("2", "Sur deux\nlignes ?"),
    ]


def test_a_bad_csv_row_gives_its_error_and_the_next_is_read(tmp_path: Path) -> None:
    long = b'"' + b"a" * 200_000 + b'"'
    lines = [b"id,question", b"1,a,b", b"2,d\xe9j\xe0", b"3," + long, b",no id", b"5,fine"]
    (tmp_path / "in.csv").write_bytes(b"\n".join(lines))
    *bad, good = read_questions(tmp_path / "in.csv")
    errors = [refused.error for refused in bad if isinstance(refused, Refused)]
    for error, says in zip(errors, ["3 cells", "not UTF-8", "no CSV", "no id"], strict=True):
        assert says in error
    assert good == Question("5", "fine")


@pytest.mark.parametrize("header", ["", "id", "question", "id,id,question", "a,b"])
def test_a_csv_without_a_usable_header_is_refused(tmp_path: Path, header: str) -> None:
    (tmp_path / "in.csv").write_text(header + "\n1,2\n", "utf-8")
    with pytest.raises(InputError, match="has no usable header"):
        list(read_questions(tmp_path / "in.csv"))


@pytest.mark.parametrize("name", ["absent.jsonl", "."])
def test_a_file_that_cant_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"can't be read \("):
        list(read_questions(tmp_path / name))


def test_reading_takes_one_line_at_a_time(tmp_path: Path) -> None:
    read: list[int] = []

    class Lines(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            read.append(1)
            return super().readline(size)

    from hds_bot.interfaces import questions

    source = Lines(b"".join(b'{"id": %d, "question": "x"}\n' % n for n in range(1000)))
    next(questions._json_rows(source))
    assert len(read) == 1


# -- writing ------------------------------------------------------------------------------


def test_a_table_has_one_row_an_answer_and_no_formula(bot: HdsBot, tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "in.jsonl",
        {"id": "=1", "question": CLINIC},
        {"id": 2, "question": "Notre startup développe une plateforme. HDS ?"},
        {"id": 3, "question": ""},
    )
    with writer(tmp_path / "out.csv") as write:
        answer_all(bot, read_questions(path), write)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == ["=1", "2", "3"]
    assert [row["verdict"] for row in rows] == ["oui", "a_preciser", ""]
    assert rows[0]["quote"] == bot.ask(CLINIC).rule.quote  # type: ignore[union-attr]
    assert rows[1]["missing"] == "health_data"
    assert [row["line"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["question"] == CLINIC
    assert "is blank" in rows[2]["error"]


def test_a_cell_that_a_spreadsheet_would_run_is_made_text(tmp_path: Path) -> None:
    with writer(tmp_path / "out.csv") as write:
        write({"id": "x", "error": "=HYPERLINK(1)"})
    assert ",'=HYPERLINK(1)" in (tmp_path / "out.csv").read_text("utf-8")


def test_lone_surrogates_are_written_as_json_escapes(tmp_path: Path) -> None:
    with writer(tmp_path / "out.jsonl") as write:
        write({"id": "\ud800", "error": "x"})
    assert json.loads((tmp_path / "out.jsonl").read_bytes())["id"] == "\ud800"


def test_what_was_there_stays_when_a_run_fails(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("before", "utf-8")

    def run() -> None:
        with writer(tmp_path / "out.jsonl") as write:
            write({"id": 1})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text("utf-8") == "before"


@pytest.mark.parametrize(
    ("name", "kept"), [("o.jsonl", "o.part1.jsonl"), ("o.csv", "o.part1.csv"), ("o.xlsx", "o.part1.csv")]
)
def test_what_is_written_is_kept_at_an_interrupt_and_an_earlier_part_too(
    tmp_path: Path, name: str, kept: str
) -> None:
    (tmp_path / name).write_text("before", "utf-8")

    def run() -> None:
        with writer(tmp_path / name) as write:
            write({"id": "first"})
            raise KeyboardInterrupt

    for expected in (kept, kept.replace("1", "2")):
        with pytest.raises(Interrupted) as interrupted:
            run()
        assert interrupted.value.kept == tmp_path / expected
        assert "first" in (tmp_path / expected).read_text("utf-8")
    assert (tmp_path / name).read_text("utf-8") == "before"
    assert len(list(tmp_path.iterdir())) == 3


def test_an_answer_is_in_the_draft_as_soon_as_it_is_there(tmp_path: Path) -> None:
    for name in ("out.jsonl", "out.csv"):
        with writer(tmp_path / name) as write:
            write({"id": "first"})
            (draft,) = tmp_path.glob(".*.part")
            assert "first" in draft.read_text("utf-8")


def test_a_workbook_is_answered_into_a_workbook(bot: HdsBot, tmp_path: Path) -> None:
    book = Workbook()
    for row in (["id", "question"], [1, CLINIC], ["b", " "]):
        book.worksheets[0].append(row)
    book.save(tmp_path / "in.xlsx")
    with writer(tmp_path / "out.xlsx") as write:
        answer_all(bot, read_questions(tmp_path / "in.xlsx"), write)
    header, *rows = load_workbook(tmp_path / "out.xlsx").worksheets[0].iter_rows(values_only=True)
    assert header == COLUMNS
    assert [row[:4] for row in rows] == [("1", "2", CLINIC, "oui"), ("b", "3", " ", None)]


def test_a_workbook_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.xlsx").write_text("{}", "utf-8")
    with pytest.raises(InputError, match=r"in\.xlsx: is no Excel workbook"):
        list(read_questions(tmp_path / "in.xlsx"))


def test_a_workbook_without_what_reads_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.delitem(sys.modules, "hds_bot.interfaces.page.workbook", raising=False)
    monkeypatch.delattr("hds_bot.interfaces.page.workbook", raising=False)
    with pytest.raises(InputError, match=r"hds-bot\[page\]"), writer(tmp_path / "out.xlsx"):
        pass
    assert not list(tmp_path.iterdir())


def test_spreadsheets_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.ods").write_bytes(b"PK")
    with pytest.raises(InputError, match="neither read nor written"):
        list(read_questions(tmp_path / "in.ods"))
    with pytest.raises(InputError, match="neither read nor written"), writer(tmp_path / "out.xls"):
        pass


def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written"), writer(tmp_path / "absent" / "out.jsonl"):
        pass


# -- the command --------------------------------------------------------------------------


def test_the_questions_are_never_replaced_by_the_answers(index_folder: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", {"id": 1, "question": CLINIC}, b"oops")
    before = path.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(path)
    (tmp_path / "hard.jsonl").hardlink_to(path)
    for output in (path, tmp_path / "link.jsonl", tmp_path / "hard.jsonl"):
        done = batch(index_folder, str(path), "-o", str(output))
        assert done.returncode == 1
        assert "is the file of the questions" in done.stderr
        assert path.read_bytes() == before


def test_an_interrupted_batch_says_how_many_it_wrote_and_how_to_go_on(
    index_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(tmp_path / "in.jsonl", *({"id": number, "question": CLINIC} for number in range(4)))
    output, ask, asked = tmp_path / "out.jsonl", HdsBot.ask, iter([True, True])

    def interrupted(self: HdsBot, *turns: Any, **options: Any) -> Any:
        if next(asked, False):
            return ask(self, *turns, **options)
        raise KeyboardInterrupt

    arguments = ["--index", str(index_folder), "batch", str(path), "-o", str(output)]
    with monkeypatch.context() as patch:
        patch.setattr(HdsBot, "ask", interrupted)
        assert main(arguments) == 130
    told = capsys.readouterr().err
    assert "interrupted: 2 written, kept in" in told
    assert "--skip 2" in told
    kept = [json.loads(line)["id"] for line in (tmp_path / "out.part1.jsonl").read_text("utf-8").splitlines()]
    assert main([*arguments, "--skip", "2"]) == 0
    assert kept + [json.loads(line)["id"] for line in output.read_text("utf-8").splitlines()] == [0, 1, 2, 3]


def test_a_short_question_is_answered_in_the_language_asked_for(
    index_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_lines(tmp_path / "in.jsonl", {"id": 1, "question": "Hospital HDS?"})
    for command in (["batch", str(path)], ["ask", "Hospital HDS?", "--json"]):
        assert main(["--index", str(index_folder), *command, "--language", "en"]) == 0
        assert json.loads(capsys.readouterr().out)["language"] == "en"


def batch(index: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hds_bot", "--index", str(index), "batch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
