"""What a corpus changes, told: as lines for a terminal, as a page for a meeting. Decides nothing."""

from __future__ import annotations

from hds_bot.interfaces.changes.page import to_html
from hds_bot.interfaces.changes.questions import read_asked
from hds_bot.interfaces.changes.text import build_text, to_text

__all__ = ["build_text", "read_asked", "to_html", "to_text"]
