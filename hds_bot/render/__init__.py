"""An answer in words: the JSON contract, Markdown, a terminal, a record. Decides nothing."""

from __future__ import annotations

from hds_bot.render.contract import to_dict, to_json
from hds_bot.render.markdown import to_markdown
from hds_bot.render.record import read_record, to_record
from hds_bot.render.terminal import to_text
from hds_bot.render.words import Words, words

__all__ = ["Words", "read_record", "to_dict", "to_json", "to_markdown", "to_record", "to_text", "words"]
