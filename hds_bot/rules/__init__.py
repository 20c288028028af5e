"""Facts to verdict: the guidance as rules in data, each pinned to the guidance's own words.

The rule files are in `data/`; docs/rules.md says how to change them.
"""

from hds_bot.rules.book import load_rules, read_rules
from hds_bot.rules.cautions import select_cautions
from hds_bot.rules.check import check
from hds_bot.rules.judge import judge
from hds_bot.rules.model import (
    CautionSpec,
    Change,
    FactSpec,
    Judgement,
    LostQuote,
    MissingSpec,
    OptionSpec,
    Rule,
    RuleBook,
)
from hds_bot.rules.wording import describe_change, describe_step, label, question, summary

__all__ = [
    "CautionSpec",
    "Change",
    "FactSpec",
    "Judgement",
    "LostQuote",
    "MissingSpec",
    "OptionSpec",
    "Rule",
    "RuleBook",
    "check",
    "describe_change",
    "describe_step",
    "judge",
    "label",
    "load_rules",
    "question",
    "read_rules",
    "select_cautions",
    "summary",
]
