"""An answer in words: the JSON contract, Markdown, the terminal, the record."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hds_bot import Answer, HdsBot, Passage, Verdict
from hds_bot.errors import InputError
from hds_bot.render import read_record, to_dict, to_json, to_markdown, to_record, to_text, words
from hds_bot.render.markdown import escape
from hds_bot.types import CitedPassage

QUESTIONS = {
    Verdict.OUI: "Cabinet de kiné, nous gardons les dossiers patients en ligne : faut-il un hébergeur HDS ?",
    Verdict.NON: "We only process fully anonymised statistics. Do we need HDS?",
    Verdict.A_PRECISER: "Notre startup développe une plateforme. Faut-il un hébergement HDS ?",
    Verdict.SANS_VERDICT: "C'est quoi une donnée de santé ?",
    Verdict.HORS_PERIMETRE: "Quel temps fera-t-il demain à Lyon ?",
}
FIELDS = {
    "": "question turns language verdict summary rule trace facts missing what_would_change cautions passages"
    " provenance",
    "rule": "id title document section quote",
    "trace": "rule outcome facts",
    "facts": "id value evidence method",
    "missing": "fact question options",
    "what_would_change": "fact value verdict",
    "cautions": "id text reference url",
    "passages": "id document title section text start end page score rank cited_by",
    "provenance": "version rules corpus index encoder",
}


@pytest.fixture(scope="module")
def answers(bot: HdsBot) -> dict[Verdict, Answer]:
    """One answer of each verdict."""
    return {verdict: bot.ask(question) for verdict, question in QUESTIONS.items()}


def schema() -> dict[str, Any]:
    text = (resources.files("hds_bot.render") / "data" / "record.schema.json").read_text("utf-8")
    return dict(json.loads(text))


# -- the contract -------------------------------------------------------------------------


def test_each_question_has_the_verdict_it_stands_for(answers: dict[Verdict, Answer]) -> None:
    assert {verdict: answer.verdict for verdict, answer in answers.items()} == {v: v for v in Verdict}


def test_the_json_has_the_fields_of_the_contract_in_its_order(answers: dict[Verdict, Answer]) -> None:
    for answer in answers.values():
        content = to_dict(answer)
        assert " ".join(content) == FIELDS[""]
        for name, fields in FIELDS.items():
            parts = content[name] if name else []
            for part in parts if isinstance(parts, list) else filter(None, [parts]):
                assert " ".join(part) == fields


def test_the_json_of_every_verdict_keeps_to_the_schema(answers: dict[Verdict, Answer]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    for answer in answers.values():
        jsonschema.validate(to_record(answer), schema())


def test_json_is_plain_values_that_come_back_equal(answers: dict[Verdict, Answer]) -> None:
    for answer in answers.values():
        assert json.loads(to_json(answer)) == to_dict(answer)


def test_evidence_is_written_as_turn_and_offsets(answers: dict[Verdict, Answer]) -> None:
    content = to_dict(answers[Verdict.OUI])
    shown = [fact["evidence"] for fact in content["facts"] if fact["evidence"]]
    assert shown
    for proof in shown:
        assert content["turns"][proof["turn"]][proof["start"] : proof["end"]] == proof["text"]


# -- words --------------------------------------------------------------------------------


def test_french_and_english_have_the_same_keys_all_filled() -> None:
    def keys(table: dict[str, Any], prefix: str = "") -> set[str]:
        return {
            name
            for key, value in table.items()
            for name in (keys(value, f"{key}.") if isinstance(value, dict) else [prefix + key])
        }

    folder = resources.files("hds_bot.render") / "data"
    french, english = (tomllib.loads((folder / f"{lang}.toml").read_text("utf-8")) for lang in ("fr", "en"))
    assert keys(french) == keys(english)
    assert set(words("fr").verdict) == set(words("fr").icon) == set(words("fr").meaning) == set(Verdict)


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        (Verdict.OUI, "✔ OUI — l’hébergement HDS est obligatoire"),
        (Verdict.NON, "✘ NO — HDS hosting is not mandatory"),
        (Verdict.A_PRECISER, "? À PRÉCISER — il manque un fait qui décide"),
    ],
)
def test_the_verdict_is_told_by_icon_and_words(
    answers: dict[Verdict, Answer], verdict: Verdict, line: str
) -> None:
    assert to_text(answers[verdict]).startswith(line + "\n")
    assert to_markdown(answers[verdict]).startswith(f"## {line}\n")


# -- the terminal -------------------------------------------------------------------------


def test_a_terminal_shows_reason_quote_place_facts_and_passages(answers: dict[Verdict, Answer]) -> None:
    answer = answers[Verdict.OUI]
    text = " ".join(to_text(answer).split())
    assert answer.rule is not None
    for part in (answer.summary, f"« {answer.rule.quote} »", "2. Cabinets médicaux et paramédicaux"):
        assert part in text
    for heading in ("Ce que j’ai compris", "Ce qui changerait la réponse", "Passages cités"):
        assert heading in text


@pytest.mark.parametrize(
    ("quote", "after"), [("soumis si", " …"), ("ceci :", " …"), ("un,", " …"), ("Fini.", ""), ("“Oui”", "")]
)
def test_a_quote_that_ends_within_a_sentence_is_followed_by_an_ellipsis(
    answers: dict[Verdict, Answer], quote: str, after: str
) -> None:
    answer = answers[Verdict.OUI]
    assert answer.rule is not None
    cut = replace(answer, rule=replace(answer.rule, quote=quote))
    assert f"  « {quote} »{after}\n" in to_text(cut)
    assert f"> {quote}{after}\n" in to_markdown(cut)


def test_missing_facts_say_where_each_answer_leads(answers: dict[Verdict, Answer]) -> None:
    text = " ".join(to_text(answers[Verdict.A_PRECISER]).split())
    missing = answers[Verdict.A_PRECISER].missing[0]
    assert missing.question in text
    for option in missing.options:
        assert f"{option.label} → {words('fr').verdict[option.verdict]}" in text


def test_an_english_question_gets_english_words_around_french_quotes(answers: dict[Verdict, Answer]) -> None:
    text = to_text(answers[Verdict.NON])
    assert "“Données complètement anonymisées”" in text
    assert "What I understood" in text
    assert "Passages cités" not in text


def test_at_most_three_cautions_are_shown(answers: dict[Verdict, Answer]) -> None:
    answer = answers[Verdict.OUI]
    many = replace(
        answer, cautions=tuple(replace(answer.cautions[0], text=f"caution {n}.") for n in range(5))
    )
    assert re.findall(r"caution \d", to_text(many)) == ["caution 0", "caution 1", "caution 2"]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_keep_to_the_width_but_for_addresses(answers: dict[Verdict, Answer], width: int) -> None:
    for answer in answers.values():
        long = [line for line in to_text(answer, width=width).splitlines() if len(line) > width]
        assert all("https://" in line for line in long)


def test_colour_adds_only_codes_and_marks_the_quote(answers: dict[Verdict, Answer]) -> None:
    answer = answers[Verdict.OUI]
    painted = to_text(answer, width=100, color=True)
    assert painted.startswith("\N{ESCAPE}[1;")
    assert f"\N{ESCAPE}[4m{answer.passages[0].quote}" in painted
    plain = re.sub(r"\N{ESCAPE}\[[\d;]*m", "", painted)
    assert plain.split() == to_text(answer, width=100).split()


# -- Markdown -----------------------------------------------------------------------------


def test_markdown_marks_the_quote_inside_its_passage(answers: dict[Verdict, Answer]) -> None:
    assert "**Données complètement anonymisées**" in to_markdown(answers[Verdict.NON])


def test_what_users_and_documents_bring_is_no_markup(answers: dict[Verdict, Answer]) -> None:
    evil = "# A <script> [x](http://e) *b* `c` | d\n1. e\n- f\n> g"
    passage = Passage("id", "d", evil, (evil,), evil, 0, len(evil))
    answer = replace(
        answers[Verdict.OUI], summary=evil, passages=(CitedPassage(passage, 1.0, 1, "retrieval"),), rule=None
    )
    shown = to_markdown(answer)
    assert not re.search(r"(?<!\\)[<\[`|]", shown.replace("](<", "").replace("- ", "").replace(" [", " "))
    assert not re.search(r"^(# A|1\. e|- f|> g)", shown, re.MULTILINE)


def test_escaped_markdown_reads_as_the_text_itself() -> None:
    from markdown_it import MarkdownIt

    text = "# a *b* _c_ `d` [e](f) <g> h | i ~j~ \\k !l $m & n\n1) o\n+ p\n- q\n= r"
    (paragraph,) = [token for token in MarkdownIt().parse(escape(text)) if token.type == "inline"]
    assert "".join(child.content or "\n" for child in paragraph.children or []) == text


# -- the record ---------------------------------------------------------------------------


def test_a_record_gives_back_the_answer_it_was_made_of(
    answers: dict[Verdict, Answer], tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(to_record(answers[Verdict.OUI])), "utf-8")
    assert read_record(path) == to_dict(answers[Verdict.OUI])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"verdict": "oui"', '"verdict": "non"', "was altered"),
        ('"rank": 1', '"rank": 2', "was altered"),
        ('"schema": 1', '"schema": 2', "has schema 2"),
        ('"integrity"', '"integrit"', "is no record"),
        ("{", "[", "is no JSON"),
    ],
)
def test_an_altered_record_is_noticed(
    answers: dict[Verdict, Answer], tmp_path: Path, old: str, new: str, says: str
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(to_record(answers[Verdict.OUI])).replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=says):
        read_record(path)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[1]", b"[" * 100_000, b'{"schema": 1, "answer": 2, "integrity": 3}']
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(InputError, match=r"record\.json"):
        read_record(tmp_path / "record.json")


def test_a_record_that_isnt_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_record(tmp_path / "absent.json")


def test_a_citation_names_publisher_and_date_where_the_document_does(answers: dict[Verdict, Answer]) -> None:
    answer = answers[Verdict.SANS_VERDICT]
    first, *rest = answer.passages
    dated = replace(answer, passages=(replace(first, publisher="Agence", date="2024-05"), *rest))
    for told in (to_markdown(dated).replace("\\", ""), to_text(dated, width=500)):
        lines = [line for line in told.splitlines() if line.lstrip().startswith(("1. ", "2. "))]
        assert [line.endswith(", Agence, 2024-05") for line in lines] == [True, False]
