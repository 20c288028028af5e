"""Which cautions go with an answer. They never change a verdict."""

from __future__ import annotations

from hds_bot.rules.book import load_rules
from hds_bot.rules.logic import Facts
from hds_bot.rules.model import CautionSpec
from hds_bot.types import Verdict


def select_cautions(facts: Facts, verdict: Verdict) -> tuple[CautionSpec, ...]:
    """Return every caution that applies, those that bear most on the situation first."""
    applying = [c for c in load_rules().cautions if verdict in c.verdicts and c.when.holds(facts)]
    return tuple(sorted(applying, key=lambda caution: not _bears_on(caution, facts)))


def _bears_on(caution: CautionSpec, facts: Facts) -> bool:
    return caution.bears_on is not None and caution.bears_on.holds(facts)
