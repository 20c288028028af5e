"""The README's commands are commands: each parses, and the one whose output is shown gives that output."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hds_bot import HdsBot
from hds_bot.interfaces.cli import _parser
from hds_bot.render import to_text

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:\$ )?uv run hds-bot(.*)$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS, ids=str.strip)
def test_a_command_of_the_readme_is_one(command: str) -> None:
    _parser().parse_args(shlex.split(command))


def test_the_readme_shows_the_answer_that_is_given(bot: HdsBot) -> None:
    question, shown = re.findall(
        r'^\$ uv run hds-bot ask "([^"\n]*)"\n(.*?)^```', README, re.MULTILINE | re.DOTALL
    )[0]
    assert to_text(bot.ask(question), width=80, color=False).startswith(shown.rstrip())
