"""The command line: data on standard output, words on standard error, exit status, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import CORPUS, GUIDANCE

from hds_bot import HdsBot, Verdict
from hds_bot.interfaces import commands
from hds_bot.interfaces.cli import main
from hds_bot.render import to_dict, to_record

CLINIC = "Une clinique doit-elle prendre un hébergeur HDS ?"


class Terminal:
    """Runs commands over the real index, in this process."""

    def __init__(self, index: Path, capture: pytest.CaptureFixture[str]) -> None:
        self._globals = ["--corpus", str(CORPUS), "--index", str(index)]
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._capture.readouterr()
        try:
            status = main([*self._globals, *arguments])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return status, *self._capture.readouterr()

    def json(self, *arguments: str) -> Any:
        status, output, _ = self(*arguments, "--json")
        assert status == 0
        return json.loads(output)


@pytest.fixture
def run(index_folder: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(index_folder, capsys)


@pytest.fixture
def own(index_folder: Path, corpus_copy: Path, tmp_path: Path) -> list[str]:
    """Options that name a corpus and an index to change; the light encoder is there already."""
    index = tmp_path / "index"
    index.mkdir()
    (index / "encoder").symlink_to(index_folder / "encoder")
    return ["--corpus", str(corpus_copy), "--index", str(index)]


def in_another_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hds_bot", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


# -- ask ----------------------------------------------------------------------------------


def test_ask_tells_the_verdict_the_reason_and_the_passages(run: Terminal) -> None:
    status, output, words = run("ask", CLINIC)
    assert (status, words) == (0, "")
    assert output.startswith("✔ OUI")
    assert "« Cliniques »" in output


def test_ask_json_is_the_contract(run: Terminal, bot: HdsBot) -> None:
    assert run.json("ask", CLINIC) == to_dict(bot.ask(CLINIC))


def test_several_arguments_are_the_turns_of_one_conversation(run: Terminal) -> None:
    answer = run.json(
        "ask", "Je suis infirmier libéral, HDS obligatoire ?", "Je fais de la téléconsultation."
    )
    assert len(answer["turns"]) == 2
    assert answer["verdict"] == "oui"


def test_a_question_can_be_piped_in(index_folder: Path) -> None:
    done = in_another_process("--index", str(index_folder), "ask", "--json", input=CLINIC)
    assert json.loads(done.stdout)["question"] == CLINIC
    assert (done.returncode, done.stderr) == (0, "")


def test_bytes_that_are_no_text_are_answered_all_the_same(index_folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "hds_bot",
        "--index",
        str(index_folder),
        "ask",
        b"clinique \xff HDS ?",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert json.loads(done.stdout)["question"] == "clinique \ufffd HDS ?"


def test_asking_nothing_on_a_terminal_says_how_to_ask(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    status, output, words = run("ask")
    assert (status, output) == (1, "")
    assert "there is no question" in words


@pytest.mark.parametrize("question", ["", " \n", "😀", "a" * 100_000])
def test_a_question_that_cant_be_used_is_refused_in_a_sentence(run: Terminal, question: str) -> None:
    status, output, words = run("ask", question)
    assert (status, output) == (1, "")
    assert words.startswith("hds-bot: ")
    assert "→" in words


# -- search -------------------------------------------------------------------------------


def test_search_gives_as_many_passages_as_asked_for(run: Terminal) -> None:
    hits = run.json("search", "anonymisation", "-k", "2")
    assert [hit["rank"] for hit in hits] == [1, 2]
    assert "Données complètement anonymisées" in hits[0]["text"]
    status, output, _ = run("search", "anonymisation", "-k", "1")
    assert status == 0
    assert "Données complètement anonymisées" in output


def test_search_can_be_kept_to_documents_and_tags(run: Terminal) -> None:
    assert run.json("search", "anonymisation", "--document", GUIDANCE, "--tag", "HDS")
    status, _, words = run("search", "anonymisation", "--document", "elsewhere")
    assert status == 1
    assert "no document 'elsewhere'" in words


def test_a_search_with_nothing_near_is_a_finding(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HdsBot, "search", lambda *_, **__: ())
    status, output, words = run("search", "anonymisation", "--json")
    assert (status, json.loads(output)) == (1, [])
    assert "nothing in the corpus is near" in words


# -- batch and eval -----------------------------------------------------------------------


def test_batch_answers_each_line_and_tells_how_many(run: Terminal, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": 1, "question": CLINIC}) + "\n", "utf-8")
    status, output, words = run("batch", str(tmp_path / "in.jsonl"))
    assert status == 0
    assert [json.loads(line)["verdict"] for line in output.splitlines()] == ["oui"]
    assert words == "1 answered, 0 refused\n"


def test_batch_writes_a_file_and_finds_bad_lines(run: Terminal, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"id,question\n1,{CLINIC}\n2,\n", "utf-8")
    status, output, words = run("batch", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.jsonl"))
    assert (status, output, words) == (1, "", "1 answered, 1 refused\n")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [("error" in row, row["id"]) for row in rows] == [(False, "1"), (True, "2")]


def test_eval_prints_every_metric(run: Terminal, tmp_path: Path) -> None:
    row = {"id": "q", "lang": "fr", "turns": [CLINIC], "verdict": "oui", "quotes": ["Cliniques"], "tags": []}
    (tmp_path / "q.jsonl").write_text(json.dumps(row), "utf-8")
    report = run.json("eval", str(tmp_path / "q.jsonl"))
    assert report["accuracy"]["all"]["rate"] == report["citations"]["first_1"]["rate"] == 1.0
    assert report["unsafe"] == []
    status, output, _ = run("eval", str(tmp_path / "q.jsonl"))
    assert status == 0
    assert "100.0%  (1/1)" in output


@pytest.mark.parametrize("command", ["batch", "eval"])
def test_a_file_that_isnt_there_is_named(run: Terminal, command: str) -> None:
    status, _, words = run(command, "absent.jsonl")
    assert status == 1
    assert words.startswith("hds-bot: absent.jsonl: can't be read")


# -- index --------------------------------------------------------------------------------


def test_an_index_is_built_then_up_to_date_then_stale(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for action in ("status", "check"):
        assert main([*own, "index", action]) == 1
        assert "missing" in capsys.readouterr().out
    assert main([*own, "index", "build"]) == 0
    built = capsys.readouterr()
    assert built.out == ""
    assert "index built: 1 documents" in built.err
    assert main([*own, "index", "check"]) == 0
    assert "fresh" in capsys.readouterr().out
    assert main([*own, "index", "build", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"built": False}
    (Path(own[1]) / "more.txt").write_text("Un texte de plus.", "utf-8")
    assert main([*own, "index", "status", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["condition"], state["changed"]) == ("stale", ["corpus"])
    assert main([*own, "index", "build", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["encoded"] == 1


def test_a_build_tells_lost_quotes_and_what_it_left_out(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    guidance = Path(own[1]) / f"{GUIDANCE}.md"
    text = guidance.read_text("utf-8").replace("- Cliniques", "- Polycliniques privées")
    guidance.write_text(text, "utf-8")
    (Path(own[1]) / "bad.txt").write_bytes(b"\x00\x01\x02")
    assert main([*own, "index", "build"]) == 1
    assert "bad.txt" in capsys.readouterr().err
    assert main([*own, "index", "build", "--keep-going"]) == 0
    told = capsys.readouterr().err
    assert "left out: bad.txt" in told
    assert "« Cliniques »" in told
    assert "Polycliniques privées" in told


def test_status_names_the_files_that_the_last_build_left_out(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*own, "index", "build"]) == 0
    (Path(own[1]) / "bad.txt").write_bytes(b"\x00\x01\x02")
    assert main([*own, "index", "build", "--keep-going"]) == 0
    capsys.readouterr()
    assert main([*own, "index", "status"]) == 0
    assert "left_out:   bad.txt: " in capsys.readouterr().out
    assert main([*own, "index", "status", "--json"]) == 0
    assert [one["path"] for one in json.loads(capsys.readouterr().out)["left_out"]] == ["bad.txt"]


def test_a_damaged_index_is_a_finding_of_status_and_not_blamed_on_the_encoder(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*own, "index", "build"]) == 0
    (manifest,) = Path(own[3]).glob("generations/*/manifest.json")
    manifest.write_text(manifest.read_text("utf-8").replace("e5-small", "f5-small"), "utf-8")
    capsys.readouterr()
    assert main([*own, "index", "status"]) == 1
    assert "damaged" in capsys.readouterr().out
    assert main([*own, "ask", CLINIC]) == 1
    told = capsys.readouterr().err
    assert "manifest.json: was altered since it was built" in told
    assert "--encoder" not in told


def test_a_missing_index_is_told_with_the_command_that_builds_it(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["ask", CLINIC], ["search", "x"], ["eval", str(CORPUS)], ["batch", "-"]):
        assert main([*own, *command]) == 1
    assert capsys.readouterr().err.count("hds-bot index build") >= 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--corpus", "/nowhere"], "/nowhere"),
        (["--encoder", "./nowhere"], "no such model folder"),
    ],
)
def test_a_wrong_option_is_named(
    own: list[str], capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert main([*own, *options, "index", "build"]) == 1
    assert says in capsys.readouterr().err


def test_settings_come_from_the_environment_and_options_win(
    index_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDS_BOT_INDEX", str(index_folder))
    monkeypatch.setenv("HDS_BOT_CORPUS", str(CORPUS))
    assert main(["index", "check"]) == 0
    assert main(["--index", "/nowhere", "index", "check"]) == 1
    assert "/nowhere" in capsys.readouterr().out


# -- rules --------------------------------------------------------------------------------


def test_rules_are_listed_shown_and_checked(run: Terminal) -> None:
    rules = run.json("rules", "list")
    shown = run.json("rules", "show", "anonymised")
    assert shown in rules
    assert shown["when"] == [["anonymised is yes"]]
    assert run.json("rules", "check") == []
    for command in (["list"], ["show", "anonymised"], ["check"]):
        status, output, words = run("rules", *command)
        assert (status, words) == (0, "")
        assert output


def test_a_rule_that_isnt_there_is_named(run: Terminal) -> None:
    status, _, words = run("rules", "show", "nonsense")
    assert status == 1
    assert "no rule 'nonsense'" in words


def test_a_rule_that_lost_its_quote_is_a_finding(own: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    guidance = Path(own[1]) / f"{GUIDANCE}.md"
    guidance.write_text(
        guidance.read_text("utf-8").replace("- Cliniques", "- Polycliniques privées"), "utf-8"
    )
    assert main([*own, "rules", "check", "--json"]) == 1
    lost = json.loads(capsys.readouterr().out)
    assert {one["quote"] for one in lost} == {"Cliniques"}
    assert "Polycliniques privées" in lost[0]["nearest"]["text"]


def test_a_topic_that_lost_its_anchor_is_a_finding(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    guidance = Path(own[1]) / f"{GUIDANCE}.md"
    guidance.write_text(guidance.read_text("utf-8").replace("aux idées reçues", "à l’idée reçue"), "utf-8")
    assert main([*own, "rules", "check", "--json"]) == 1
    (lost,) = json.loads(capsys.readouterr().out)
    assert lost["topic"] == "scope"
    assert "Contrairement à l’idée reçue" in lost["nearest"]["text"]
    assert main([*own, "rules", "check"]) == 1
    assert "topic scope (facts/topics.toml): its anchor is lost" in capsys.readouterr().out


# -- record and replay --------------------------------------------------------------------


def test_a_record_replays_as_identical(run: Terminal, tmp_path: Path) -> None:
    record = str(tmp_path / "record.json")
    assert run("ask", CLINIC, "--record", record)[0] == 0
    status, output, _ = run("replay", record)
    assert (status, output) == (0, f"{record}: identical\n")
    assert run.json("replay", record)[record]["identical"] is True


def test_facts_set_by_hand_are_replayed(run: Terminal, bot: HdsBot, tmp_path: Path) -> None:
    answer = bot.ask(CLINIC, known_facts={"health_data": False, "anonymised": None})
    (tmp_path / "record.json").write_text(json.dumps(to_record(answer)), "utf-8")
    assert run("replay", str(tmp_path / "record.json"))[1].endswith("identical\n")


def test_a_turned_verdict_says_what_changed_and_what_that_did(
    run: Terminal, bot: HdsBot, tmp_path: Path
) -> None:
    answer = bot.ask(CLINIC)
    before = replace(
        answer,
        verdict=Verdict.NON,
        passages=answer.passages[1:],
        provenance=replace(answer.provenance, rules="older", index="older"),
    )
    record = tmp_path / "record.json"
    record.write_text(json.dumps(to_record(before)), "utf-8")
    status, output, _ = run("replay", str(record))
    assert status == 1
    assert "changed: rules, index" in output
    assert "what that did: verdict, passages" in output
    assert "the verdict turned: non → oui" in output
    assert answer.passages[0].passage.id in output


def test_another_version_with_the_same_verdict_is_no_finding(
    run: Terminal, bot: HdsBot, tmp_path: Path
) -> None:
    answer = bot.ask(CLINIC)
    older = replace(answer, provenance=replace(answer.provenance, version="0.0.1"))
    (tmp_path / "record.json").write_text(json.dumps(to_record(older)), "utf-8")
    found = run.json("replay", str(tmp_path / "record.json"))[str(tmp_path / "record.json")]
    assert (found["identical"], found["turned"], found["changed"], found["effects"]) == (
        False,
        False,
        ["version"],
        [],
    )


def test_every_record_is_replayed_though_one_was_altered(run: Terminal, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    run("ask", CLINIC, "--record", str(good))
    bad.write_text(good.read_text("utf-8").replace("oui", "non", 1), "utf-8")
    status, output, _ = run("replay", str(bad), str(good))
    assert status == 1
    assert f"{bad}: refused: was altered" in output
    assert f"{good}: identical" in output
    assert "was altered" in json.loads(run("replay", str(bad), "--json")[1])[str(bad)]["error"]


def test_a_record_that_cant_be_written_is_told(run: Terminal) -> None:
    status, _, words = run("ask", CLINIC, "--record", "/nowhere/record.json")
    assert status == 1
    assert "can't be written" in words


# -- the page -----------------------------------------------------------------------------


def test_without_a_command_the_index_is_built_and_the_page_opened(
    own: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def open_page(command: Sequence[str], *, env: dict[str, str], check: bool) -> Any:
        opened.append((command, env, main([*own, "index", "check"])))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(commands.subprocess, "run", open_page)
    assert main(own) == 0
    ((command, environment, status),) = opened
    script = Path(command[-1])
    config = tomllib.loads((script.parent / ".streamlit" / "config.toml").read_text("utf-8"))
    assert script.is_file()
    assert config["server"]["address"] == "localhost"
    assert config["browser"]["gatherUsageStats"] is False
    assert environment["HDS_BOT_INDEX"] == str(Path(own[3]).resolve())
    assert status == 0


def test_a_page_without_streamlit_says_what_to_install(
    own: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "find_spec", lambda _: None)
    assert main(own) == 1
    assert "hds-bot[page]" in capsys.readouterr().err


# -- exit status and manners --------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["ask", "x", "--nonsense"], ["search"], ["index"], ["search", "x", "-k", "many"]],
)
def test_wrong_usage_gives_two(run: Terminal, arguments: list[str]) -> None:
    status, output, words = run(*arguments)
    assert (status, output) == (2, "")
    assert words.startswith("usage: hds-bot")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["ask", "--help"], ["index", "build", "--help"]]
)
def test_help_and_version_go_to_standard_output(run: Terminal, arguments: list[str]) -> None:
    status, output, words = run(*arguments)
    assert (status, words) == (0, "")
    assert "hds-bot" in output


def test_what_nobody_foresaw_is_one_line_and_not_a_traceback(
    run: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HdsBot, "ask", lambda *_, **__: 1 / 0)
    status, output, words = run("ask", CLINIC)
    assert (status, output) == (1, "")
    assert words.startswith("hds-bot: unexpected ZeroDivisionError: division by zero\n  →")
    monkeypatch.setenv("HDS_BOT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("ask", CLINIC)


def test_an_interrupt_gives_130(run: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(HdsBot, "ask", interrupted)
    assert run("ask", CLINIC) == (130, "", "")


@pytest.mark.parametrize("command", ["rules list --json | head -n 1", "rules show anonymised | true"])
def test_a_reader_that_goes_away_is_no_error(command: str) -> None:
    shell = ["/bin/sh", "-c", f"{sys.executable} -m hds_bot {command}"]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""


def test_a_full_disk_is_told_in_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "hds_bot", "rules", "list"]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("hds-bot: [Errno 28] No space left on device")
    assert "Traceback" not in done.stderr


def test_a_terminal_without_utf8_is_no_obstacle(index_folder: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = in_another_process("--index", str(index_folder), "ask", CLINIC, env=environment, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("✔ OUI")


def test_asking_needs_neither_torch_nor_streamlit(index_folder: Path) -> None:
    script = (
        "import sys; from hds_bot.interfaces.cli import main; "
        f"main(['--index', {str(index_folder)!r}, 'ask', {CLINIC!r}]); "
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'streamlit', 'onnx'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
