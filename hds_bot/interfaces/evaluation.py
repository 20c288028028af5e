"""Metrics on labelled questions: verdicts, unsafe errors, refusals, citations, and search alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from hds_bot.bot import HdsBot
from hds_bot.corpus import fold
from hds_bot.errors import InputError
from hds_bot.types import Language, Passage, Verdict

FIELDS = {"id", "lang", "turns", "verdict", "quotes", "tags"}
DEPTH = 10
"""Passages of a search that the mean reciprocal rank looks at."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with the verdict it should get and the quotes of which one should be cited."""

    id: str
    lang: Language
    turns: tuple[str, ...]
    verdict: Verdict
    quotes: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question got; ranks are from 1, None where no passage holds a labelled quote."""

    labelled: Labelled
    verdict: Verdict
    cited_rank: int | None
    found_rank: int | None

    @property
    def right(self) -> bool:
        """The verdict is the label's."""
        return self.verdict == self.labelled.verdict

    @property
    def unsafe(self) -> bool:
        """A `non` where HDS is due or undecided."""
        return self.verdict == Verdict.NON and self.labelled.verdict in (Verdict.OUI, Verdict.A_PRECISER)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of a file of questions, and every figure drawn from them."""

    outcomes: tuple[Outcome, ...]

    @property
    def wrong(self) -> tuple[Outcome, ...]:
        """Where the verdict is not the label's."""
        return tuple(outcome for outcome in self.outcomes if not outcome.right)

    @property
    def unsafe(self) -> tuple[str, ...]:
        """Identifiers of the unsafe errors."""
        return tuple(outcome.labelled.id for outcome in self.outcomes if outcome.unsafe)

    def accuracy(self, keys: Callable[[Labelled], Iterable[str]] = lambda _: ["all"]) -> dict[str, Share]:
        """Share of right verdicts, by each of a question's keys."""
        of = Counter(key for outcome in self.outcomes for key in keys(outcome.labelled))
        right = Counter(key for outcome in self.outcomes if outcome.right for key in keys(outcome.labelled))
        return {key: Share(right[key], of[key]) for key in sorted(of)}

    def confusion(self) -> dict[str, dict[str, int]]:
        """Count of each verdict given, by label."""
        pairs = Counter((outcome.labelled.verdict, outcome.verdict) for outcome in self.outcomes)
        return {label.value: {given.value: pairs[label, given] for given in Verdict} for label in Verdict}

    def refusal(self) -> dict[str, Share]:
        """Precision and recall of `hors_perimetre`."""
        given = [outcome for outcome in self.outcomes if outcome.verdict == Verdict.HORS_PERIMETRE]
        due = [outcome for outcome in self.outcomes if outcome.labelled.verdict == Verdict.HORS_PERIMETRE]
        right = sum(outcome.right for outcome in given)
        return {"precision": Share(right, len(given)), "recall": Share(right, len(due))}

    def citations(self) -> dict[str, Share]:
        """Questions whose first 1 or 3 cited passages hold a labelled quote."""
        ranks = [outcome.cited_rank for outcome in self._quoted()]
        return {f"first_{k}": _within(ranks, k) for k in (1, 3)}

    def search(self) -> dict[str, Share]:
        """Questions for which search alone finds a labelled quote in the first 1, 3 or 5."""
        ranks = [outcome.found_rank for outcome in self._quoted()]
        return {f"recall@{k}": _within(ranks, k) for k in (1, 3, 5)}

    def mean_reciprocal_rank(self) -> float:
        """Of search alone, over its first ten passages."""
        quoted = self._quoted()
        return sum(1 / outcome.found_rank for outcome in quoted if outcome.found_rank) / max(len(quoted), 1)

    def _quoted(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.labelled.verdict != Verdict.HORS_PERIMETRE]


@dataclass(frozen=True, slots=True)
class Share:
    """So many out of so many."""

    count: int
    of: int

    @property
    def rate(self) -> float | None:
        """In [0, 1]; None where there is nothing to count."""
        return self.count / self.of if self.of else None

    def __str__(self) -> str:
        return "—" if self.rate is None else f"{self.rate:6.1%}  ({self.count}/{self.of})"


def read_labelled(path: Path) -> tuple[Labelled, ...]:
    """Labelled questions of a JSONL file. Raises InputError naming the line that is not one."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't be read ({error})", where=str(path)) from error
    labelled = tuple(_labelled(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip())
    if not labelled:
        raise InputError("holds no question", where=str(path), next_step="write one JSON object a line")
    return labelled


def evaluate(bot: HdsBot, questions: Iterable[Labelled]) -> Report:
    """Ask and search every question."""
    return Report(tuple(_outcome(bot, labelled) for labelled in questions))


def to_dict(report: Report) -> dict[str, Any]:
    """Every figure as JSON values."""
    return {
        "questions": len(report.outcomes),
        "accuracy": {
            "all": _shares(report.accuracy())["all"],
            "verdict": _shares(report.accuracy(_verdict)),
            "language": _shares(report.accuracy(_language)),
            "tag": _shares(report.accuracy(_tags)),
        },
        "confusion": report.confusion(),
        "unsafe": list(report.unsafe),
        "wrong": [
            {"id": one.labelled.id, "label": one.labelled.verdict.value, "given": one.verdict.value}
            for one in report.wrong
        ],
        "refusal": _shares(report.refusal()),
        "citations": _shares(report.citations()),
        "search": {**_shares(report.search()), "mrr": round(report.mean_reciprocal_rank(), 4)},
    }


def to_text(report: Report) -> str:
    """Every figure as tables for a terminal."""
    blocks = (
        _table("Verdict right", {"all": report.accuracy()["all"]}),
        _table("  by verdict", report.accuracy(_verdict)),
        _table("  by language", report.accuracy(_language)),
        _table("  by tag", report.accuracy(_tags)),
        _confusion(report),
        [
            f"Unsafe (non where oui or a_preciser): {len(report.unsafe)}",
            *(f"  {one}" for one in report.unsafe),
        ],
        _table("Refusal (hors_perimetre)", report.refusal()),
        _table("A labelled quote among the first cited", report.citations()),
        [*_table("Search alone", report.search()), f"  {'mrr@10':24} {report.mean_reciprocal_rank():.3f}"],
        ["Wrong verdicts", *(_wrong(outcome) for outcome in report.wrong)],
    )
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _labelled(line: str, where: str) -> Labelled:
    try:
        row = json.loads(line)
        if not isinstance(row, dict) or set(row) != FIELDS or row["lang"] not in get_args(Language):
            raise ValueError
        texts = {name: _texts(row[name]) for name in ("turns", "quotes", "tags")}
        return Labelled(row["id"], row["lang"], verdict=Verdict(row["verdict"]), **texts)
    except (ValueError, RecursionError) as error:
        raise InputError(
            "is no labelled question",
            where=where,
            next_step=f"write one JSON object with {', '.join(sorted(FIELDS))}",
        ) from error


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError
    return tuple(values)


def _outcome(bot: HdsBot, labelled: Labelled) -> Outcome:
    answer = bot.ask(labelled.turns)
    hits = bot.search("\n".join(labelled.turns), k=DEPTH)
    return Outcome(
        labelled,
        answer.verdict,
        cited_rank=_rank((cited.passage for cited in answer.passages), labelled.quotes),
        found_rank=_rank((hit.passage for hit in hits), labelled.quotes),
    )


def _rank(passages: Iterable[Passage], quotes: Iterable[str]) -> int | None:
    """Rank of the first passage that holds a quote, white space and kinds of quotation mark folded."""
    wanted = [fold(quote) for quote in quotes]
    holding = (rank for rank, p in enumerate(passages, 1) if any(quote in fold(p.text) for quote in wanted))
    return next(holding, None)


def _within(ranks: Sequence[int | None], k: int) -> Share:
    return Share(sum(rank is not None and rank <= k for rank in ranks), len(ranks))


def _verdict(labelled: Labelled) -> list[str]:
    return [labelled.verdict.value]


def _language(labelled: Labelled) -> list[str]:
    return [labelled.lang]


def _tags(labelled: Labelled) -> tuple[str, ...]:
    return labelled.tags or ("(none)",)


def _shares(shares: Mapping[str, Share]) -> dict[str, dict[str, float | int | None]]:
    return {
        key: {"count": share.count, "of": share.of, "rate": share.rate and round(share.rate, 4)}
        for key, share in shares.items()
    }


def _table(title: str, shares: Mapping[str, Share]) -> list[str]:
    return [title, *(f"  {key:24} {share}" for key, share in shares.items())]


def _confusion(report: Report) -> list[str]:
    heads = "".join(f"{verdict.value:>16}" for verdict in Verdict)
    rows = (
        f"  {label:16}" + "".join(f"{n:16}" for n in row.values())
        for label, row in report.confusion().items()
    )
    return ["Confusion (rows: label; columns: given)", f"  {'':16}{heads}", *rows]


def _wrong(outcome: Outcome) -> str:
    mark = "  UNSAFE" if outcome.unsafe else ""
    last = " ".join(outcome.labelled.turns[-1].split())
    return f"  {outcome.labelled.id}  {outcome.labelled.verdict} → {outcome.verdict}{mark}  {last[:100]}"
