"""The only room that knows every specialist: builds the index, answers questions, looks at both."""

from __future__ import annotations

from hds_bot.bot.bot import HdsBot
from hds_bot.bot.building import BuildProgress, BuildReport, build_index
from hds_bot.bot.changes import DocumentChange, QuoteChange
from hds_bot.bot.diff import AnswerChange, Diff, last_diff
from hds_bot.bot.diffing import Asked, diff_index
from hds_bot.bot.question import MAX_CHARACTERS, MAX_TURNS
from hds_bot.bot.quotes import LostAnchor, LostQuote, check_rules
from hds_bot.bot.settings import Settings
from hds_bot.bot.state import IndexState, index_state
from hds_bot.bot.watching import watch

__all__ = [
    "MAX_CHARACTERS",
    "MAX_TURNS",
    "AnswerChange",
    "Asked",
    "BuildProgress",
    "BuildReport",
    "Diff",
    "DocumentChange",
    "HdsBot",
    "IndexState",
    "LostAnchor",
    "LostQuote",
    "QuoteChange",
    "Settings",
    "build_index",
    "check_rules",
    "diff_index",
    "index_state",
    "last_diff",
    "watch",
]
