"""What a change of the corpus would change, said before it does: passages, rules' quotes, answers."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import CORPUS, GUIDANCE, FakeEncoder

from hds_bot import HdsBot, Verdict
from hds_bot.bot import (
    AnswerChange,
    Asked,
    Diff,
    DocumentChange,
    Settings,
    build_index,
    diff_index,
    last_diff,
)
from hds_bot.errors import CorpusError, IndexMissing, InputError
from hds_bot.facts import anchor
from hds_bot.interfaces.changes import build_text, read_asked, to_html, to_text
from hds_bot.interfaces.cli import main
from hds_bot.render import to_record

QUOTE = "Données complètement anonymisées"
NEW = "Données parfaitement anonymes"
ANONYMISED = Asked(
    "anonymised", "Toutes nos données sont complètement anonymisées. L'HDS est-il obligatoire ?"
)


def write_document(folder: Path, name: str, *paragraphs: str, **keys: str) -> None:
    front = "".join(f"{key}: {value}\n" for key, value in {"title": name, **keys}.items())
    (folder / f"{name}.md").write_text(f"---\n{front}---\n\n" + "\n\n".join(paragraphs) + "\n", "utf-8")


def reword(settings: Settings, old: str, new: str) -> None:
    path = settings.corpus / f"{GUIDANCE}.md"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def built(fake_settings: Settings) -> Settings:
    """A corpus of the guidance and two notes, with its index."""
    write_document(fake_settings.corpus, "note", "## Un", "Premier point.", "## Deux", "Second point.")
    write_document(fake_settings.corpus, "recette", "Une tarte aux pommes, avec de la cannelle.")
    build_index(fake_settings)
    return fake_settings


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- documents and passages ---------------------------------------------------------------


def test_a_corpus_that_did_not_change_changes_nothing(built: Settings) -> None:
    diff = diff_index(built, [ANONYMISED])
    assert (diff.documents, diff.quotes, diff.answers, diff.asked) == ((), (), (), 1)
    assert not diff.is_finding
    assert to_text(diff) == "Nothing changes."


def test_documents_added_removed_renamed_and_described_otherwise_are_told_apart(built: Settings) -> None:
    (built.corpus / "recette.md").unlink()
    (built.corpus / "note.md").rename(built.corpus / "billet.md")
    write_document(built.corpus, "ajout", "Un paragraphe.", publisher="ANS")
    diff = diff_index(built)
    told = [(change.kind, change.id, change.was) for change in diff.documents]
    assert told == [("added", "ajout", ""), ("renamed", "billet", "note"), ("removed", "recette", "")]
    assert [len(change.added) for change in diff.documents] == [1, 0, 0]
    build_index(built)
    write_document(built.corpus, "ajout", "Un paragraphe.", publisher="CNIL", status="superseded")
    (changed,) = diff_index(built).documents
    assert (changed.kind, changed.described) == ("changed", ("publisher", "status"))
    assert (changed.added, changed.removed, changed.reworded) == ((), (), ())


def test_passages_added_removed_and_reworded_are_told_apart(built: Settings) -> None:
    write_document(
        built.corpus, "note", "## Un", "Premier point, précisé.", "## Trois", "Tout autre chose, jamais dite."
    )
    (change,) = diff_index(built).documents
    assert [(pair.before.text, pair.after.text) for pair in change.reworded] == [
        ("Premier point.", "Premier point, précisé.")
    ]
    assert [passage.text for passage in change.removed] == ["Second point."]
    assert [passage.text for passage in change.added] == ["Tout autre chose, jamais dite."]


def test_only_what_is_new_is_encoded_and_the_index_stays_as_it_is(
    built: Settings, fake_encoder: FakeEncoder
) -> None:
    before = tree(built.index)
    fake_encoder.passages.clear()
    write_document(built.corpus, "ajout", "Un seul paragraphe de plus.")
    diff_index(built, [ANONYMISED])
    assert len(fake_encoder.passages) == 1
    after = tree(built.index)
    assert {name for name in after if name not in before} == {str(built.index / "last-diff.json")}
    assert {name: after[name] for name in before} == before


# -- rules --------------------------------------------------------------------------------


def test_a_lost_quote_is_told_with_its_rules_and_the_nearest_new_wording(built: Settings) -> None:
    reword(built, QUOTE, NEW)
    diff = diff_index(built)
    assert diff.is_finding
    assert {"anonymised"} <= {change.rule for change in diff.lost}
    change = next(change for change in diff.lost if change.rule == "anonymised")
    assert (change.quote, change.document) == (QUOTE, GUIDANCE)
    assert QUOTE in change.before.text
    assert change.wording == f"• {NEW}"
    assert change.after is not None
    assert change.wording in change.after.text


def test_a_quote_whose_item_is_struck_out_is_lost_and_nothing_old_is_shown_as_its_new_wording(
    built: Settings,
) -> None:
    reword(built, "- Cliniques\n", "")
    (change,) = diff_index(built).lost
    assert (change.rule, change.after, change.wording) == ("establishment-clinic", None, "")


def test_a_sentence_that_is_negated_is_lost_to_its_rules_whichever_part_of_it_changed(
    built: Settings,
) -> None:
    reword(built, "est obligatoire pour toute organisation", "n’est plus obligatoire pour toute organisation")
    diff = diff_index(built)
    assert {change.rule for change in diff.lost} == {"health-data", "no-health-data", "to-clarify"}
    assert all("n’est plus obligatoire" in change.wording for change in diff.lost)
    assert diff.is_finding


def test_a_quote_left_alone_in_a_line_that_is_negated_is_a_finding(built: Settings) -> None:
    reword(built, "- Centres de santé", "- Centres de santé (ne sont plus concernés)")
    diff = diff_index(built)
    assert diff.lost == ()
    assert {change.rule for change in diff.reworded} == {"establishment-health-centre"}
    assert all("ne sont plus concernés" in change.wording for change in diff.reworded)
    assert diff.is_finding


def test_a_topic_that_loses_its_anchor_is_told_apart_from_rules_with_the_nearest_new_wording(
    built: Settings,
) -> None:
    reword(built, "uniquement les hôpitaux", "seulement les hôpitaux")
    diff = diff_index(built)
    (change,) = diff.anchors
    assert (change.rule, change.kind, change.quote) == ("scope", "lost", anchor("scope")[1])
    assert "seulement les hôpitaux" in change.wording
    assert (diff.quotes, diff.is_finding) == ((), True)
    assert "topic’s anchor lost (facts/topics.toml): scope" in to_text(diff)
    assert "ancre de sujet perdue (facts/topics.toml) : scope" in to_html(diff)


def test_a_change_around_an_anchor_is_no_finding(built: Settings) -> None:
    reword(built, "permettant d’identifier une personne", "Or, permettant d’identifier une personne")
    assert diff_index(built).anchors == ()


def test_a_change_elsewhere_in_the_paragraph_is_no_change_of_a_quotes_sentence(built: Settings) -> None:
    reword(built, "Voici un guide clair", "Voici un guide")
    diff = diff_index(built)
    assert len(diff.documents) == 1
    assert (diff.quotes, diff.is_finding) == ((), False)


def test_a_superseded_document_is_answered_from_no_more(built: Settings) -> None:
    reword(built, "status: in_force", "status: superseded")
    diff = diff_index(built, [ANONYMISED])
    assert {"anonymised", "establishment-clinic"} <= {change.rule for change in diff.lost}
    (change,) = diff.answers
    assert change.to_review
    assert change.citation_after is None or change.citation_after.document != GUIDANCE
    report = build_index(built)
    assert report is not None
    assert {"anonymised", "establishment-clinic"} <= {lost.rule for lost in report.lost}


def test_a_quote_under_other_headings_has_moved_and_is_no_finding(built: Settings) -> None:
    reword(built, "Les cas exclus", "Les exclusions")
    diff = diff_index(built)
    moved = next(change for change in diff.quotes if change.rule == "anonymised")
    assert moved.kind == "moved"
    assert moved.after is not None
    assert (moved.before.section[-1], moved.after.section[-1]) == ("Les cas exclus", "Les exclusions")
    assert not diff.is_finding


def test_a_renamed_document_loses_its_rules_and_is_shown_as_the_nearest(built: Settings) -> None:
    (built.corpus / f"{GUIDANCE}.md").rename(built.corpus / "guide.md")
    lost = diff_index(built).lost
    assert lost
    assert all(change.after is not None and change.after.document == "guide" for change in lost)


def test_a_removed_document_leaves_nothing_to_compare_its_quotes_with(built: Settings) -> None:
    (built.corpus / f"{GUIDANCE}.md").unlink()
    lost = diff_index(built).lost
    assert lost
    assert all(change.after is None for change in lost)


# -- answers ------------------------------------------------------------------------------


def test_an_answer_whose_rule_loses_its_quote_is_to_be_reviewed(built: Settings) -> None:
    reword(built, QUOTE, NEW)
    (change,) = diff_index(built, [ANONYMISED]).answers
    assert (change.verdict_before, change.verdict_after, change.turned) == (Verdict.NON, Verdict.NON, False)
    assert change.to_review
    assert change.citation_before is not None
    assert QUOTE in change.citation_before.text


def test_an_answer_that_cites_the_same_words_is_left_out(built: Settings) -> None:
    reword(built, "Données simulées (environnements de test)", "Données fictives (environnements de test)")
    assert diff_index(built, [ANONYMISED]).answers == ()


def test_an_answer_that_has_nothing_left_to_cite_is_told(
    index_folder: Path, corpus_copy: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    (index / "encoder").symlink_to(index_folder / "encoder")
    settings = Settings.resolve(corpus=corpus_copy, index=index)
    build_index(settings)
    (corpus_copy / f"{GUIDANCE}.md").unlink()
    write_document(corpus_copy, "recette", "Une tarte aux pommes, avec de la cannelle.")
    (change,) = diff_index(settings, [Asked("what", "C'est quoi une donnée de santé ?")]).answers
    assert change.citation_before is not None
    assert change.citation_after is None


def test_a_verdict_that_turns_is_a_finding_and_is_told() -> None:
    turned = AnswerChange("q", "HDS ?", Verdict.OUI, Verdict.NON, None, None, to_review=False)
    added = DocumentChange("added", "ajout", "Ajout")
    same = replace(turned, verdict_after=Verdict.OUI)
    assert Diff("i", "c", (added,), asked=1, answers=(turned,)).is_finding
    assert not Diff("i", "c", (added,), asked=1, answers=(same,)).is_finding
    assert "answer q: oui → non: HDS ?" in to_text(Diff("i", "c", (added,), asked=1, answers=(turned,)))


def test_an_answer_to_be_reviewed_is_a_finding_counted_apart() -> None:
    review = AnswerChange("q", "HDS ?", Verdict.OUI, Verdict.OUI, None, None, to_review=True)
    diff = Diff("i", "c", (DocumentChange("added", "ajout", "Ajout"),), asked=1, answers=(review,))
    assert diff.is_finding
    assert "0 verdicts turned, 1 to review, 0 cite another passage first" in to_text(diff)


def test_two_citations_are_shown_from_where_they_part(built: Settings) -> None:
    reword(built, "- Cliniques\n", "")
    clinic = Asked("clinic", "Une clinique doit-elle prendre un hébergeur HDS ?")
    (before,) = [change.citation_before for change in diff_index(built, [clinic]).answers]
    assert before is not None
    after = replace(before, text=before.text.replace("• Cliniques\n", ""))
    change = AnswerChange("q", "HDS ?", Verdict.OUI, Verdict.OUI, before, after, to_review=False)
    lines = to_text(Diff("i", "c", (DocumentChange("changed", "d", "D"),), asked=1, answers=(change,)))
    shown = [line for line in lines.splitlines() if line.startswith(("  - …", "  + …"))]
    assert ["Cliniques" in line for line in shown] == [True, False]


def test_the_questions_of_the_package_reach_every_verdict(bot: HdsBot) -> None:
    verdicts = {bot.ask(asked.turns).verdict for asked in read_asked()}
    assert verdicts == set(Verdict)


def test_records_are_asked_with_the_facts_set_by_hand(bot: HdsBot, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    answer = bot.ask("Je suis médecin, me faut-il un hébergeur HDS ?", known_facts={"teleconsults": True})
    record.write_text(json.dumps(to_record(answer)), "utf-8")
    asked = read_asked(records=[record])[-1]
    assert (asked.id, list(asked.turns), asked.known) == (
        "record.json",
        list(answer.turns),
        {"teleconsults": True},
    )


def test_a_file_of_questions_with_a_bad_line_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": "a", "turns": ["HDS ?"]}\n{"turns": ["HDS ?"]}\n', "utf-8")
    with pytest.raises(InputError, match="line 2: has no id"):
        read_asked(path)


# -- what can't be compared ---------------------------------------------------------------


def test_without_an_index_the_command_that_builds_one_is_named(fake_settings: Settings) -> None:
    with pytest.raises(IndexMissing, match="hds-bot index build"):
        diff_index(fake_settings)


def test_a_bad_document_stops_the_comparison_unless_it_is_left_out(built: Settings) -> None:
    (built.corpus / "bad.md").write_bytes(b"\xff\xfe\x00binary\x00\x01")
    with pytest.raises(CorpusError, match=r"bad\.md"):
        diff_index(built)
    assert [path for path, _ in diff_index(built, keep_going=True).left_out] == ["bad.md"]


# -- the last one, kept -------------------------------------------------------------------


def test_the_last_diff_is_kept_and_a_build_does_not_forget_its_answers(built: Settings) -> None:
    assert last_diff(built) is None
    reword(built, QUOTE, NEW)
    diff = diff_index(built, [ANONYMISED])
    assert last_diff(built) == json.loads(json.dumps(asdict(diff)))
    build_index(built)
    kept = last_diff(built)
    assert kept is not None
    assert kept["asked"] == 1
    reword(built, NEW, QUOTE)
    report = build_index(built)
    assert report is not None
    assert last_diff(built) == json.loads(json.dumps(asdict(report.diff)))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"index": 1}', b"\xff", b"[" * 100_000])
def test_a_kept_diff_that_cant_be_read_is_none(built: Settings, content: bytes) -> None:
    (built.index / "last-diff.json").write_bytes(content)
    assert last_diff(built) is None


# -- told ---------------------------------------------------------------------------------


@pytest.fixture
def diff(built: Settings) -> Diff:
    """A rewording, and a document that tries to break the page."""
    reword(built, QUOTE, NEW)
    write_document(built.corpus, "ajout", "Un < b > & `x` </td><script>alert(1)</script> fin.", title="A<b>")
    return diff_index(built, [ANONYMISED])


def test_the_terminal_shows_the_quote_and_the_new_wording_under_one_another(diff: Diff) -> None:
    lines = to_text(diff, width=300).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("quote lost: anonymised"))
    assert lines[at + 1].endswith(f"] {QUOTE}")
    assert lines[at + 2].endswith(f"] • {NEW}")
    assert any(line.startswith("answer anonymised: non (to review") for line in lines)


def test_a_build_tells_a_line_for_each_document(built: Settings) -> None:
    reword(built, QUOTE, NEW)
    write_document(built.corpus, "ajout", "Un paragraphe.")
    told = build_text(build_index(built)).splitlines()
    assert told[-2:] == ["+ ajout (passages: 1 added)", f"~ {GUIDANCE} (passages: 1 reworded)"]


def test_the_page_marks_the_words_that_changed_and_nothing_of_a_document_is_markup(diff: Diff) -> None:
    french, english = to_html(diff, "fr"), to_html(diff, "en")
    assert "<del>complètement anonymisées</del>" in french.replace("</del> <del>", " ")
    assert "<script" not in french
    assert "A&lt;b&gt;" in french
    assert "Phrases qui fondent les règles" in french
    assert "Sentences that rules rest on" in english


# -- the command --------------------------------------------------------------------------


def test_the_command_exits_by_what_it_found_and_compares_any_folder(
    index_folder: Path, corpus_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--corpus", str(CORPUS), "--index", str(index_folder), "index", "diff", "--no-answers"]
    try:
        assert main(options) == 0
        assert capsys.readouterr().out == "Nothing changes.\n"
        path = corpus_copy / f"{GUIDANCE}.md"
        path.write_text(path.read_text("utf-8").replace(QUOTE, NEW), "utf-8")
        page = tmp_path / "diff.html"
        assert main([*options, "--corpus", str(corpus_copy), "--json", "--html", str(page)]) == 1
        found = json.loads(capsys.readouterr().out)
        assert found["asked"] is None
        assert {quote["kind"] for quote in found["quotes"]} == {"lost"}
        assert page.read_text("utf-8").startswith("<!doctype html>")
    finally:
        (index_folder / "last-diff.json").unlink(missing_ok=True)
