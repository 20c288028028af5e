"""The metrics are what they say, on outcomes worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hds_bot import HdsBot, Verdict
from hds_bot.errors import InputError
from hds_bot.interfaces.evaluation import (
    Labelled,
    Outcome,
    Report,
    Share,
    evaluate,
    read_labelled,
    to_dict,
    to_text,
)

ROW = {
    "id": "q-1",
    "lang": "fr",
    "turns": ["Une clinique doit-elle prendre un hébergeur HDS ?"],
    "verdict": "oui",
    "quotes": ["Cliniques"],
    "tags": ["court"],
}


def outcome(
    name: str, label: str, given: str, *, cited: int | None = None, found: int | None = None, lang: str = "fr"
) -> Outcome:
    labelled = Labelled(name, lang, ("?",), Verdict(label), ("quote",), (f"tag-{lang}",))  # type: ignore[arg-type]
    return Outcome(labelled, Verdict(given), cited, found)


@pytest.fixture
def report() -> Report:
    return Report(
        (
            outcome("a", "oui", "oui", cited=1, found=2),
            outcome("b", "oui", "non", cited=3, found=1, lang="en"),
            outcome("c", "a_preciser", "non", cited=4, found=None),
            outcome("d", "non", "non", cited=None, found=4),
            outcome("e", "hors_perimetre", "hors_perimetre"),
            outcome("f", "hors_perimetre", "sans_verdict", cited=1, found=1),
            outcome("g", "sans_verdict", "hors_perimetre"),
        )
    )


def test_accuracy_is_counted_by_verdict_language_and_tag(report: Report) -> None:
    accuracy = to_dict(report)["accuracy"]
    assert accuracy["all"] == {"count": 3, "of": 7, "rate": 0.4286}
    assert accuracy["verdict"]["oui"] == {"count": 1, "of": 2, "rate": 0.5}
    assert accuracy["language"]["en"] == {"count": 0, "of": 1, "rate": 0.0}
    assert accuracy["tag"]["tag-fr"] == {"count": 3, "of": 6, "rate": 0.5}


def test_a_no_where_hds_is_due_or_undecided_is_unsafe(report: Report) -> None:
    assert report.unsafe == ("b", "c")


def test_confusion_counts_each_pair(report: Report) -> None:
    confusion = report.confusion()
    assert confusion["oui"] == {"oui": 1, "non": 1, "a_preciser": 0, "sans_verdict": 0, "hors_perimetre": 0}
    assert sum(sum(row.values()) for row in confusion.values()) == 7


def test_refusal_has_precision_over_what_was_refused_and_recall_over_what_was_due(report: Report) -> None:
    assert report.refusal() == {"precision": Share(1, 2), "recall": Share(1, 2)}


def test_citations_and_search_leave_out_what_is_out_of_scope(report: Report) -> None:
    assert report.citations() == {"first_1": Share(1, 5), "first_3": Share(2, 5)}
    assert report.search() == {"recall@1": Share(1, 5), "recall@3": Share(2, 5), "recall@5": Share(3, 5)}
    assert report.mean_reciprocal_rank() == pytest.approx((1 / 2 + 1 + 1 / 4) / 5)


def test_nothing_to_count_has_no_rate() -> None:
    assert Share(0, 0).rate is None
    assert to_dict(Report((outcome("a", "oui", "oui"),)))["refusal"]["recall"]["rate"] is None


def test_the_text_names_the_unsafe_and_every_wrong_verdict(report: Report) -> None:
    text = to_text(report)
    assert "Unsafe (non where oui or a_preciser): 2\n  b\n  c" in text
    assert "  c  a_preciser → non  UNSAFE" in text
    assert "  f  hors_perimetre → sans_verdict" in text


def test_a_question_is_asked_and_searched_for_its_quotes_folded(bot: HdsBot, tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW | {"id": "q-2", "quotes": ["loi est claire :\n tout  prestataire", "not in there"]},
        ROW | {"id": "q-3", "quotes": ["not in there"]},
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    first, second, third = evaluate(bot, read_labelled(tmp_path / "q.jsonl")).outcomes
    assert (first.verdict, first.cited_rank) == (Verdict.OUI, 1)
    assert first.found_rank is not None
    assert second.found_rank is not None
    assert (third.cited_rank, third.found_rank) == (None, None)


@pytest.mark.parametrize(
    "line",
    [
        "42",
        "{",
        json.dumps({**ROW, "verdict": "peut-être"}),
        json.dumps({**ROW, "lang": "de"}),
        json.dumps({**ROW, "turns": "?"}),
        json.dumps({**ROW, "quotes": [1]}),
        json.dumps({**ROW, "more": 1}),
        json.dumps({key: value for key, value in ROW.items() if key != "id"}),
    ],
)
def test_a_line_that_is_no_labelled_question_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps(ROW) + "\n" + line + "\n", "utf-8")
    with pytest.raises(InputError, match=r"q\.jsonl:2: is no labelled question"):
        read_labelled(tmp_path / "q.jsonl")


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_a_file_without_questions_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "q.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"q\.jsonl"):
        read_labelled(tmp_path / "q.jsonl")
