"""Derive a recorded answer again: identical, or what changed and what that did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hds_bot import render
from hds_bot.bot import HdsBot
from hds_bot.errors import InputError

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded answer beside today's, both as the JSON contract has them."""

    recorded: Content
    derived: Content

    @property
    def identical(self) -> bool:
        """Every field is the same, the hashes included."""
        return self.recorded == self.derived

    @property
    def turned(self) -> bool:
        """The verdict is another one."""
        return bool(self.recorded["verdict"] != self.derived["verdict"])

    @property
    def causes(self) -> tuple[str, ...]:
        """Which of version, rules, corpus, index and encoder are not what they were."""
        return _different(self.recorded["provenance"], self.derived["provenance"])

    @property
    def effects(self) -> tuple[str, ...]:
        """Which fields of the answer are not what they were, the hashes apart."""
        return tuple(name for name in _different(self.recorded, self.derived) if name != "provenance")


def replay_file(bot: HdsBot, path: Path) -> Replay | InputError:
    """Ask a record's turns again, with the facts set by hand; the error where that can't be done."""
    try:
        recorded = render.read_record(path)
        known = {fact["id"]: fact["value"] for fact in recorded["facts"] if fact["method"] == "user"}
        return Replay(recorded, bot.ask(recorded["turns"], known_facts=known).to_dict())
    except InputError as error:
        return error


def is_finding(result: Replay | InputError) -> bool:
    """Tell whether a verdict turned, or the record was refused."""
    return isinstance(result, InputError) or result.turned


def to_dict(result: Replay | InputError) -> dict[str, Any]:
    """Give what replay found as JSON values."""
    if isinstance(result, InputError):
        return {"error": result.what}
    return {
        "identical": result.identical,
        "turned": result.turned,
        "changed": list(result.causes),
        "effects": list(result.effects),
        "verdict": {"recorded": result.recorded["verdict"], "derived": result.derived["verdict"]},
        "citations": {"recorded": _citations(result.recorded), "derived": _citations(result.derived)},
    }


def to_text(result: Replay | InputError) -> str:
    """Tell what replay found in a few lines."""
    if isinstance(result, InputError):
        return f"refused: {result.what}"
    if result.identical:
        return "identical"
    lines = [
        f"changed: {', '.join(result.causes) or 'nothing that is hashed'}",
        f"what that did: {', '.join(result.effects) or 'nothing'}",
    ]
    if result.turned:
        lines.append(f"the verdict turned: {result.recorded['verdict']} → {result.derived['verdict']}")
    if (before := _citations(result.recorded)) != (after := _citations(result.derived)):
        lines.append(f"citations: {', '.join(before) or 'none'} → {', '.join(after) or 'none'}")
    return "\n  ".join(lines)


def _different(one: Content, other: Content) -> tuple[str, ...]:
    return tuple(name for name in one if one[name] != other.get(name))


def _citations(content: Content) -> list[str]:
    return [passage["id"] for passage in content["passages"]]
