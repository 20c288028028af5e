"""The wheel, installed where nothing else is: it answers far from the repository, without a training library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from hds_bot import HdsBot
from hds_bot.render import to_dict

ROOT = Path(__file__).parents[1]
QUESTION = "Une clinique doit-elle prendre un hébergeur HDS ?"
SHIPPED = (
    "hds_bot/_corpus/qui-doit-utiliser-un-hebergeur-hds.md",
    "hds_bot/bot/words.toml",
    "hds_bot/facts/lexicon/professions.toml",
    "hds_bot/interfaces/page/words/fr.toml",
    "hds_bot/py.typed",
    "hds_bot/render/data/record.schema.json",
    "hds_bot/rules/data/rules.toml",
    "hds_bot/stop_words.txt",
    "hds_bot/unrelated.txt",
)
LEFT_OUT = ("torch", "transformers", "sentence_transformers", "langchain_core", "fastapi", "streamlit", "mcp")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("uv"), reason="builds and installs the wheel with uv"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it depends on, nothing else."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    run("uv", "venv", "--quiet", "--python", sys.executable, str(folder))
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run("uv", "pip", "install", "--quiet", "--python", str(python), str(wheel))
    return python


def test_the_wheel_holds_every_data_file_of_the_package(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "hds_bot"
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(ROOT).as_posix() for path in files} <= held
    assert set(SHIPPED) <= held


def test_it_answers_outside_the_repository_as_it_does_inside(
    python: Path, bot: HdsBot, index_folder: Path, tmp_path: Path
) -> None:
    told = run(
        str(python), "-m", "hds_bot", "--index", str(index_folder), "ask", QUESTION, "--json", cwd=tmp_path
    )
    assert json.loads(told) == to_dict(bot.ask(QUESTION))


def test_serving_needs_no_training_library_and_no_server(
    python: Path, index_folder: Path, tmp_path: Path
) -> None:
    script = f"""
import importlib.util, sys
from hds_bot import HdsBot
HdsBot.load(index={str(index_folder)!r}).search("anonymisation")
print([name for name in {LEFT_OUT!r} if importlib.util.find_spec(name) or name in sys.modules])
"""
    assert run(str(python), "-c", script, cwd=tmp_path).strip() == "[]"


def test_the_corpus_and_the_rules_come_with_it(python: Path, tmp_path: Path) -> None:
    script = """
from hds_bot.bot import Settings
from hds_bot.rules import load_rules
corpus = Settings.resolve().corpus
print(len(list(corpus.glob("*.md"))), len(load_rules().rules) > 20, corpus.parent.name)
"""
    assert run(str(python), "-c", script, cwd=tmp_path).strip() == "1 True hds_bot"


@pytest.mark.parametrize(("command", "extra"), [("serve", "http"), ("mcp", "mcp"), ("", "page")])
def test_a_door_that_is_not_installed_names_its_extra(
    python: Path, index_folder: Path, tmp_path: Path, command: str, extra: str
) -> None:
    arguments = [str(python), "-m", "hds_bot", "--index", str(index_folder), *command.split()]
    done = subprocess.run(arguments, cwd=tmp_path, env=clean(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"pip install 'hds-bot[{extra}]'" in done.stderr


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=clean(), capture_output=True, text=True, encoding="utf-8", timeout=250
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def clean() -> dict[str, str]:
    """Give this environment without what would lead back to the repository."""
    leads_back: Sequence[str] = ("PYTHONPATH", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    return {name: value for name, value in os.environ.items() if name not in leads_back} | {"PYTHONUTF8": "1"}
