from __future__ import annotations

import csv
import io
import json
import re
import shutil
import threading
import zipfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pypdfium2
import pytest
from openpyxl import Workbook, load_workbook
from streamlit.testing.v1 import AppTest

from hds_bot import rules
from hds_bot.bot import (
    MAX_CHARACTERS,
    MAX_TURNS,
    Asked,
    IndexState,
    Settings,
    build_index,
    diff_index,
    index_state,
)
from hds_bot.errors import InputError
from hds_bot.interfaces import batch
from hds_bot.interfaces.page import (
    card,
    core,
    differences,
    documents,
    lists,
    picture,
    reasons,
    rebuild,
    sidebar,
)
from hds_bot.interfaces.page.address import from_query, to_query
from hds_bot.interfaces.page.conversation import Conversation, Step
from hds_bot.interfaces.page.core import Answers
from hds_bot.interfaces.page.markup import Html, join, label, tag
from hds_bot.interfaces.page.pdf import to_pdf
from hds_bot.interfaces.page.privacy import find, mask
from hds_bot.interfaces.page.sheet import sheet, to_json, to_markdown
from hds_bot.interfaces.page.wording import LANGUAGES, words
from hds_bot.interfaces.page.workbook import from_csv, to_jsonl
from hds_bot.interfaces.replay import Replay, replay_file
from hds_bot.types import Answer, Document, Language

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "hds_bot" / "interfaces" / "page" / "app.py"
KINE = (
    "Cabinet de kiné, on garde les dossiers patients dans un logiciel en ligne : faut-il un hébergeur HDS ?"
)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PROVIDER = "Nous faisons l'infogérance de serveurs pour des cliniques, HDS obligatoire ?"
HOSTILE = (
    'Cabinet <img src=x onerror="window.hacked=1"> de **kiné** $x^2$ :red[rouge] :smile: `a` '
    "![](http://evil.test/a.png) http://evil.test <script>window.hacked=2</script> dossiers patients"
)


# -- parts, without a page ----------------------------------------------------------------


def test_text_becomes_markup_only_where_it_was_made_as_markup():
    made = tag("p", "<b>&", tag("strong", "a\nb"), class_="x", aria_label='"', hidden=True, open=False)
    assert made == '<p class="x" aria-label="&quot;" hidden>&lt;b&gt;&amp;<strong>a<br>b</strong></p>'
    assert isinstance(join(["<", Html("<hr>")]), Html)


def test_a_label_escapes_every_mark_that_markdown_may_read():
    assert label("a\n*b* $x$ :red[c]") == r"a \*b\* \$x\$ \:red\[c\]"


def test_both_languages_have_the_same_words_to_fill_in():
    fr, en = (words(language) for language in LANGUAGES)
    assert fr.names == en.names
    for key in fr.names:
        assert _braces(fr(key)) == _braces(en(key)), key


def test_every_word_of_the_page_is_used():
    code = "".join(path.read_text("utf-8") for path in SCRIPT.parent.glob("*.py"))
    told = {name for name in words("fr").names if f'"{name}"' not in code}
    assert {name for name in told if not re.search(_spelt_by_code(name), code)} == set()


def test_each_change_gives_another_conversation_and_keeps_what_was_set():
    asked = Conversation().said("a").answered("actor", "practice").said("b").corrected("encrypted", True)
    assert asked.turns == ("a", "b")
    assert asked.known == {"actor": "practice", "encrypted": True}
    assert asked.until(0) == Conversation((Step("a"),))
    assert asked.edited(0, "c").turns == ("c", "b")
    assert asked.edited(0, "c").known == asked.known
    assert asked.removed(1).known == {"encrypted": True}
    assert asked.forgotten("actor").steps == (Step("a"), Step("b", {"encrypted": True}))


def test_a_button_can_not_open_a_conversation():
    assert Conversation().said("a").answered("actor", "practice").removed(0) == Conversation()


@pytest.mark.parametrize(
    "conversation",
    [
        Conversation(),
        Conversation().said("a.b & c?\n=é").corrected("encrypted", None).corrected("anonymised", False),
        Conversation().said("a").answered("actor", "practice").corrected("stores_records", True).said("b"),
    ],
)
def test_the_address_gives_back_the_conversation(conversation: Conversation):
    assert from_query(to_query(conversation)) == (conversation, True)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({"q": [""], "set": ["0.actor.practice"]}, Conversation()),
        ({"q": ["a", ""]}, Conversation((Step("a"),))),
        ({"q": ["a"], "set": ["1.actor.practice"]}, Conversation((Step("a"),))),
        (
            {"q": ["a", "b"], "set": ["0.actor.yes", "1.actor.practice"]},
            Conversation((Step("a"), Step("b", {"actor": "practice"}))),
        ),
        ({"q": ["a"], "set": ["0.colour.yes"]}, Conversation((Step("a"),))),
        ({"q": ["a"], "set": ["x.actor"]}, Conversation((Step("a"),))),
        ({"set": ["0.actor.practice"]}, Conversation()),
    ],
)
def test_only_what_is_unreadable_in_an_address_is_left_out(query: dict[str, list[str]], left: Conversation):
    assert from_query(query) == (left, False)


def test_an_address_with_more_turns_than_a_conversation_may_have_is_refused():
    assert len(from_query({"q": ["a"] * MAX_TURNS})[0].steps) == MAX_TURNS
    with pytest.raises(InputError, match="50 are read at most"):
        from_query({"q": ["a"] * (MAX_TURNS + 1)})


def test_only_the_last_steps_of_a_long_conversation_are_answered_unasked(bot):
    long, answers = Conversation((Step(KINE),) * 6), Answers()
    assert [answer is None for answer in answers.to(long, bot, None)] == [True] * 3 + [False] * 3
    assert None not in answers.to(long, bot, None, earlier=True)
    assert None not in answers.to(long, bot, None)


@pytest.mark.parametrize(
    "question", [KINE, PROVIDER, "Quel temps fait-il ?", "Quelles sont les exceptions ?"]
)
def test_an_answer_in_the_other_language_keeps_all_but_the_words(question: str, bot):
    answer = bot.ask(question)
    other = bot.ask(question, language="en")
    assert bot.ask(question, language="fr") == answer
    assert (answer.language, other.language) == ("fr", "en")
    assert other.summary != answer.summary
    assert (other.verdict, other.passages, other.facts) == (answer.verdict, answer.passages, answer.facts)


def test_a_citation_names_who_published_its_document_and_when(bot):
    answer = bot.ask(KINE)
    cited = tuple(replace(one, publisher="Éditeur <b>", date="2024-05-16") for one in answer.passages)
    shown = card.folded(replace(answer, passages=cited), words("fr"))
    assert shown.count(", Éditeur &lt;b&gt;, 2024-05-16") == len(cited)


def test_a_conversation_is_answered_in_one_language_and_each_step_asked_once(bot):
    asked: list[tuple[tuple[str, ...], str | None]] = []

    def ask(turns, *, known_facts, language):
        asked.append((turns, language))
        return bot.ask(turns, known_facts=known_facts, language=language)

    counted, answers = SimpleNamespace(ask=ask, snapshot=bot.snapshot), Answers()
    one = Conversation((Step(KINE),))
    both = Conversation((Step(KINE), Step("On ne garde aucun dossier.")))
    for conversation in (one, one, both, both):
        given = answers.to(conversation, counted, None)
        assert {answer.language for answer in given} == {"fr"}
    assert len(asked) == 2
    assert {answer.language for answer in answers.to(both, counted, "en")} == {"en"}
    mixed = Conversation((Step(KINE), Step("Is HDS hosting mandatory for a clinic?")))
    assert [answer.language for answer in Answers().to(mixed, counted, None)] == ["en", "en"]


def _spelt_by_code(name: str) -> str:
    """A key put together in code, such as f"trace.{outcome}", or a table that is gone through."""
    table = name.rpartition(".")[0]
    return rf"""f["']{table}\.[^"']*\{{|under\("{table}"\)"""


def _braces(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


# -- personal data -------------------------------------------------------------------------

NAMES = {"nir": "NIR", "iban": "IBAN", "email": "MAIL", "telephone": "TEL", "name": "NOM"}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("le 1 85 05 78 006 084 91.", "le [NIR]."),
        ("NIR 295109912611193", "NIR [NIR]"),
        ("corse 1.85.05.2A.006.084.35", "corse [NIR]"),
        ("IBAN FR76 3000 6000 0112 3456 7890 189", "IBAN [IBAN]"),
        ("écrire à j.dupont+x@chu-lille.fr", "écrire à [MAIL]"),
        ("06 12 34 56 78, +33 6 12 34 56 78, 0033612345678, +44 20 7946 0958", "[TEL], [TEL], [TEL], [TEL]"),
        ("Le patient Jean Dupont et la patiente Mme DURAND", "Le patient [NOM] et la patiente Mme [NOM]"),
        (
            "patient nommé Émile Zola ; M. Martin ; patient: John Smith",
            "patient nommé [NOM] ; M. [NOM] ; patient: [NOM]",
        ),
    ],
)
def test_personal_data_are_found_by_form_and_by_key(text: str, masked: str):
    assert mask(text, NAMES) == masked


@pytest.mark.parametrize(
    "text",
    [
        "1 85 05 78 006 084 92",
        "2951099126111930",
        "FR76 3000 6000 0112 3456 7890 188",
        "le décret 2026-209 du 16 mai 2026, art. R.1111-8-8",
        "le patient HDS, un DPI, les patients Android",
        "mon patient utilise Doctolib",
        "06 12 34 56",
    ],
)
def test_what_only_looks_like_personal_data_is_left_alone(text: str):
    assert find(text) == ()


def test_no_labelled_question_is_taken_for_personal_data():
    lines = (ROOT / "tests" / "data" / "eval" / "questions.jsonl").read_text("utf-8").splitlines()
    turns = [turn for line in lines for turn in json.loads(line)["turns"]]
    assert [turn for turn in turns if find(turn)] == []


# -- something to keep --------------------------------------------------------------------


@pytest.fixture(scope="module")
def kine(bot) -> Answer:
    return bot.ask(KINE, known_facts={"teleconsults": False})


def test_a_sheet_tells_who_stated_what_and_gives_every_hash(kine: Answer):
    text = to_markdown(sheet(kine, words("fr"), NOON))
    assert "découle de l’activité décrite : « Cabinet de kiné »" in text
    assert "pas de téléconsultation — indiqué à la main par l’utilisateur" in text
    assert "2. Cabinets médicaux" in text
    for value in asdict(kine.provenance).values():
        assert value in text.replace("\\", "")
    assert "2026\\-11-23 12:00" in text


def test_a_question_on_a_sheet_never_becomes_markdown(bot):
    text = to_markdown(sheet(bot.ask(HOSTILE), words("fr"), NOON))
    assert "\\<img src=x" in text
    assert "\\!\\[\\]" in text


def test_a_pdf_holds_the_sheet_on_one_page_however_long_the_question(bot, kine: Answer):
    first = _pdf_text(to_pdf(sheet(kine, words("fr"), NOON), "fr"))
    assert "OUI — l’hébergement HDS est obligatoire" in first
    assert "il stocke des dossiers patients," in first
    assert kine.provenance.corpus in first
    endless = bot.ask(f"{KINE} {'Nous avons beaucoup de choses à dire. ' * 400}")
    assert "Cabinet de kiné" in _pdf_text(to_pdf(sheet(endless, words("fr"), NOON), "fr"))


def test_the_json_sheet_is_a_record_that_replays_identically(bot, kine: Answer, tmp_path: Path):
    (tmp_path / "sheet.json").write_text(to_json(kine), encoding="utf-8")
    replayed = replay_file(bot, tmp_path / "sheet.json")
    assert isinstance(replayed, Replay)
    assert replayed.identical


def _pdf_text(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as document:
        assert len(document) == 1
        return document[0].get_textpage().get_text_bounded().replace("\r\n", " ")


# -- pictures -----------------------------------------------------------------------------


def test_the_gates_stand_in_an_order_in_which_none_comes_after_one_that_it_overrides():
    book, order = rules.load_rules(), picture.groups()
    for rule in book.rules:
        for other in rule.overrides:
            assert order.index(rule.group) <= order.index(book.rule(other).group)


def test_the_path_stops_at_the_rule_that_decided(kine: Answer):
    drawn = picture.path(kine, words("fr"))
    assert drawn.count('class="hds-stop"') == 1
    assert drawn.rindex("<li") == drawn.index('<li class="hds-stop"')
    assert "Cabinet qui stocke des dossiers patients" in drawn


def test_the_tree_names_every_gate_in_words_of_both_languages():
    for language in LANGUAGES:
        assert set(picture.groups()) == set(words(language).under("group"))


# -- the last comparison ------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_last_comparison_tells_documents_lost_sentences_and_answers(
    fake_settings: Settings, corpus_copy: Path, language: Language
):
    build_index(fake_settings)
    guidance = next(corpus_copy.glob("*.md"))
    kept = guidance.read_text("utf-8").replace(
        "il stocke des dossiers patients,", "il garde des dossiers patients,"
    )
    guidance.write_text(kept.replace("uniquement les hôpitaux", "seulement les hôpitaux"), "utf-8")
    (corpus_copy / "new.md").write_text("# Note\n\nUne phrase de plus.\n", "utf-8")
    found = asdict(diff_index(fake_settings, [Asked("kine", KINE)]))
    lines = list(differences.told(json.loads(json.dumps(found)), words(language)))
    assert any("Note" in line for line in lines)
    assert any("scope" in line and "seulement les hôpitaux" in line for line in lines)
    assert any("practice-stores-records" in line and "il garde des dossiers" in line for line in lines)


# -- workbooks ----------------------------------------------------------------------------


def test_a_workbook_is_read_row_by_row_as_questions():
    content = _workbook(
        ["id", "question", "turns"], ["a", "HDS ?", None], [2.0, None, '["x", "y"]'], [None, None, None]
    )
    rows = [json.loads(line) for line in to_jsonl(content).splitlines() if line]
    assert rows == [{"id": "a", "question": "HDS ?"}, {"id": 2, "turns": ["x", "y"]}]


def test_a_line_refused_from_a_workbook_is_called_as_the_sheets_row(tmp_path: Path):
    content = _workbook(["id", "question"], ["a", "HDS ?"], [None, None], ["a", "HDS ?"])
    *_, refused = lists._read(lists._Given("liste.xlsx", content), tmp_path)
    assert (refused.id, refused.line) == ("a", 4)


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("ma liste.csv", b"number,text\n1,a\n", "ma liste.csv:1"),
        ("ma liste.xlsx", b"no workbook", "ma liste.xlsx"),
        ("ma liste.jsonl", b'{"id": 1}\n' * (lists.MOST + 1), "ma liste.jsonl"),
    ],
)
def test_a_refused_list_is_named_as_it_was_uploaded(name: str, content: bytes, where: str, tmp_path: Path):
    with pytest.raises(InputError) as refused:
        list(lists._read(lists._Given(name, content), tmp_path))
    assert refused.value.where == where
    why, spoken = reasons.told(
        str(InputError(refused.value.what, next_step=refused.value.next_step)), words("fr")
    )
    assert spoken
    assert re.match("n’a pas|n’est pas|a plus de", why)


def test_every_reason_for_refusing_a_line_is_told_in_the_pages_language(tmp_path: Path, bot):
    lines = [
        "no json",
        "[]",
        '{"question": "a"}',
        '{"id": 1.5, "question": "a"}',
        '{"id": 1}',
        '{"id": 1, "turns": 2}',
        '{"id": 1, "question": "a", "known_facts": 3}',
        '{"id": 2, "question": "HDS ?"}',
        '{"id": 2, "question": "HDS ?"}',
        '{"id": 3, "question": " "}',
        '{"id": 4, "question": "?!"}',
        '{"id": 5, "turns": []}',
        '{"id": 6, "turns": [7]}',
        json.dumps({"id": 7, "question": "a" * (MAX_CHARACTERS + 1)}),
        '{"id": 8, "question": "HDS ?", "known_facts": {"colour": true}}',
        '{"id": 9, "question": "HDS ?", "known_facts": {"actor": "baker"}}',
    ]
    given = lists._Given("liste.jsonl", "\n".join(lines).encode())
    rows: list[dict] = []
    batch.answer_all(bot, lists._read(given, tmp_path), rows.append)
    refused = [row for row in rows if "error" in row]
    assert len(refused) == len(lines) - 1
    for row in refused:
        french, spoken = reasons.told(row["error"], words("fr"))
        assert spoken, row["error"]
        assert not french.startswith("line ")
        assert reasons.told(row["error"], words("en"))[1]
    shown = lists._table(rows, words("fr"))
    assert ">None" not in shown
    assert "ligne 1</th>" in shown


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no workbook", b"id,question\n1,a\n"])
def test_what_is_no_workbook_is_refused(content: bytes):
    with pytest.raises(InputError, match="is no Excel workbook"):
        to_jsonl(content)


def test_a_workbook_that_unpacks_without_end_is_refused():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/workbook.xml", b" " * 60_000_000)
    with pytest.raises(InputError, match="too large"):
        to_jsonl(bomb.getvalue())


def test_a_workbook_without_header_is_refused():
    with pytest.raises(InputError, match="no usable header"):
        to_jsonl(_workbook(["number", "text"], [1, "a"]))


def test_answers_in_a_workbook_are_text_and_never_formulas():
    table = io.StringIO()
    csv.writer(table).writerows([["id", "summary"], ["=1+1", "a\x01b"]])
    page = load_workbook(io.BytesIO(from_csv(table.getvalue().encode()))).worksheets[0]
    assert (page["A2"].value, page["A2"].data_type, page["B2"].value) == ("=1+1", "s", "ab")


def _workbook(*rows: list[object]) -> bytes:
    book, made = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(made)
    return made.getvalue()


# -- the page, without a browser ----------------------------------------------------------


@pytest.fixture
def page(index_folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("HDS_BOT_INDEX", str(index_folder))
    return AppTest.from_file(str(SCRIPT), default_timeout=60).run()


def test_an_empty_page_says_what_it_answers_and_offers_examples(page: AppTest):
    assert "Ce à quoi je ne réponds pas" in _html(page)
    assert "Rien ne quitte cette machine" in _html(page)
    page.button(key="example-practice").click().run()
    assert 'class="hds-answer hds-oui"' in _html(page)


def test_an_answer_shows_verdict_reason_quote_and_place(page: AppTest):
    page.chat_input(key="ask").set_value(KINE).run()
    shown = _html(page)
    assert "OUI" in shown
    assert "même un petit cabinet est soumis à l’obligation" in shown
    assert "<strong>il stocke des dossiers patients,</strong>" in shown
    assert "2. Cabinets médicaux et paramédicaux" in shown
    assert "<mark>il stocke des dossiers patients,</mark>" in shown


def test_the_cited_passages_are_the_answers_own(page: AppTest, bot):
    page.chat_input(key="ask").set_value(KINE).run()
    for cited in bot.ask(KINE).passages:
        assert cited.passage.text in _read(page)


def test_correcting_a_fact_changes_the_verdict_at_once_and_can_be_taken_back(page: AppTest):
    page.chat_input(key="ask").set_value(PROVIDER).run()
    page.button(key="answer-provider_access-False").click().run()
    assert "hds-answer hds-non" in _html(page)
    page.radio(key="set-provider_access-False").set_value(True).run()
    assert "hds-answer hds-oui" in _html(page)
    page.button(key="undo-provider_access").click().run()
    assert "hds-answer hds-a_preciser" in _html(page)


def test_a_missing_fact_is_answered_by_a_button_that_continues_the_conversation(page: AppTest):
    page.chat_input(key="ask").set_value(PROVIDER).run()
    assert "hds-answer hds-a_preciser" in _html(page)
    page.button(key="answer-provider_access-False").click().run()
    assert "hds-answer hds-non" in _html(page)
    assert "hds-past hds-a_preciser" in _html(page)


def test_a_follow_up_uses_the_conversation_and_a_new_situation_starts_afresh(page: AppTest):
    page.chat_input(key="ask").set_value(PROVIDER).run()
    page.chat_input(key="ask").set_value("Oui, nous sauvegardons les dossiers médicaux des patients.").run()
    assert "hds-answer hds-oui" in _html(page)
    page.button(key="new").click().run()
    assert "hds-intro" in _html(page)


def test_an_english_question_gets_english_words_around_french_quotes(page: AppTest):
    page.chat_input(key="ask").set_value(
        "We run a physiotherapy practice and store patient records. Do we need HDS?"
    ).run()
    assert "What I understood" in _html(page)
    assert '<blockquote lang="fr">' in _html(page)
    assert _html(page).count("The guidance is in French and quoted in the original.") == 1


def test_a_quote_whose_sentence_goes_on_is_followed_by_an_ellipsis_on_page_and_sheet(
    page: AppTest, kine: Answer
):
    page.chat_input(key="ask").set_value(KINE).run()
    assert "<strong>il stocke des dossiers patients,</strong> …" in _html(page)
    assert "dossiers patients, » … — " in " ".join(sheet(kine, words("fr"), NOON).parts[1].lines)


def test_a_question_without_words_is_refused_in_plain_words(page: AppTest):
    page.chat_input(key="ask").set_value("🙂🙂").run()
    assert 'role="alert"' in _html(page)
    page.button(key="new").click().run()
    assert "hds-intro" in _html(page)


def test_a_missing_corpus_is_told_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HDS_BOT_CORPUS", str(tmp_path / "nowhere"))
    monkeypatch.setenv("HDS_BOT_INDEX", str(tmp_path / "index"))
    page = AppTest.from_file(str(SCRIPT), default_timeout=60).run()
    assert "nowhere" in _html(page)
    assert not page.exception


def test_out_of_scope_says_so_and_proposes_questions_that_can_be_answered(page: AppTest):
    page.chat_input(key="ask").set_value("Combien coûte une statistique anonyme chez un boulanger ?").run()
    assert "hds-answer hds-hors_perimetre" in _html(page)
    page.button(key="example-statistics").click().run()
    assert "hds-answer hds-hors_perimetre" not in _html(page)
    assert "hds-past hds-hors_perimetre" in _html(page)


def test_a_link_brings_the_conversation_back_with_what_was_set_by_hand(index_folder: Path, page: AppTest):
    page.chat_input(key="ask").set_value(PROVIDER).run()
    page.button(key="answer-provider_access-False").click().run()
    link = AppTest.from_file(str(SCRIPT), default_timeout=60)
    link.query_params.update(page.query_params)
    assert _html(link.run()) == _html(page)


def test_an_unreadable_link_is_told_and_opens_an_empty_page(page: AppTest):
    link = AppTest.from_file(str(SCRIPT), default_timeout=60)
    link.query_params["set"] = "9.actor.practice"
    assert "ne contient pas de conversation lisible" in _html(link.run())
    assert "hds-intro" in _html(link)


def test_a_link_that_is_readable_in_part_opens_what_can_be_read_and_says_so(page: AppTest):
    link = AppTest.from_file(str(SCRIPT), default_timeout=60)
    link.query_params.update({"q": [KINE], "set": ["7.actor.practice"]})
    assert "Une partie de ce lien est illisible" in _html(link.run())
    assert "hds-answer hds-oui" in _html(link)
    assert list(link.query_params) == ["q"]
    link.chat_input(key="ask").set_value(PROVIDER).run()
    assert "Une partie de ce lien est illisible" not in _html(link)


def test_a_link_with_too_many_turns_is_refused_with_the_limit(page: AppTest):
    link = AppTest.from_file(str(SCRIPT), default_timeout=60)
    link.query_params["q"] = [KINE] * (MAX_TURNS + 1)
    assert f"{MAX_TURNS} tours au plus" in _html(link.run())
    assert "hds-intro" in _html(link)


def test_a_conversation_grows_no_longer_than_a_link_can_bring_back(page: AppTest):
    link = AppTest.from_file(str(SCRIPT), default_timeout=60)
    link.query_params["q"] = [KINE] * MAX_TURNS
    link.run()
    assert "Afficher aussi les réponses précédentes (47)" in link.button(key="show-earlier").label.replace(
        "\\", ""
    )
    link.chat_input(key="ask").set_value(PROVIDER).run()
    assert f"{MAX_TURNS} tours au plus" in _html(link)
    assert PROVIDER not in unescape(_html(link))


def test_a_question_that_is_too_long_is_kept_and_told_the_limit(page: AppTest):
    long = f"{KINE} " * (MAX_CHARACTERS // len(KINE) + 1)
    page.chat_input(key="ask").set_value(long).run()
    assert f"j’en lis {MAX_CHARACTERS} au plus" in _html(page)
    assert KINE in unescape(_html(page))
    page.button(key="edit-0").click().run()
    assert page.text_area(key="edited-0").value == long
    page.text_area(key="edited-0").set_value(KINE)
    page.button(key="FormSubmitter:form-0-Demander à nouveau").click().run()
    assert "hds-answer hds-oui" in _html(page)


def test_every_fact_set_by_hand_is_in_the_address(page: AppTest):
    page.chat_input(key="ask").set_value(PROVIDER).run()
    page.button(key="answer-provider_access-False").click().run()
    assert "1.provider_access.no" in str(page.query_params)
    page.radio(key="set-provider_access-False").set_value(True).run()
    assert "1.provider_access.yes" in str(page.query_params)


def test_any_turn_can_be_edited_or_removed_and_the_rest_replays(page: AppTest):
    page.chat_input(key="ask").set_value(PROVIDER).run()
    page.button(key="answer-provider_access-False").click().run()
    page.button(key="edit-0").click().run()
    page.text_area(key="edited-0").set_value(KINE)
    page.button(key="FormSubmitter:form-0-Demander à nouveau").click().run()
    assert "hds-past hds-oui" in _html(page)
    page.button(key="remove-1").click().run()
    assert "hds-answer hds-oui" in _html(page)
    page.button(key="remove-0").click().run()
    assert "hds-intro" in _html(page)


def test_the_language_is_switched_by_hand_and_quotes_stay_french(page: AppTest):
    page.chat_input(key="ask").set_value(KINE).run()
    page.button(key="speak").click().run()
    assert "even a small practice" in _html(page)
    assert "<strong>il stocke des dossiers patients,</strong>" in _html(page)
    assert 'data-language="en"' in _html(page)


# -- the side bar -------------------------------------------------------------------------


@pytest.fixture
def own_page(
    index_folder: Path, corpus_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AppTest:
    """The page over an index and a corpus of its own, free to be changed and looked at each time."""
    monkeypatch.setenv("HDS_BOT_INDEX", str(shutil.copytree(index_folder, tmp_path / "index")))
    monkeypatch.setenv("HDS_BOT_CORPUS", str(corpus_copy))
    monkeypatch.setattr(sidebar, "_LOOK_EVERY", 1e-9)
    return AppTest.from_file(str(SCRIPT), default_timeout=60).run()


def test_the_side_bar_tells_the_state_of_the_index_and_sees_a_changed_document(
    own_page: AppTest, corpus_copy: Path
):
    assert "L’index est à jour avec les documents." in _sidebar(own_page)
    assert "1 document(s), 13 passages." in _sidebar(own_page)
    (corpus_copy / "new.md").write_text("# Note\n\nUne phrase de plus.\n", "utf-8")
    assert "Ce qui a changé : les documents." in _sidebar(own_page.run())


def test_the_side_bar_rebuilds_and_says_when_it_is_done(own_page: AppTest, corpus_copy: Path):
    (corpus_copy / "new.md").write_text("# Note\n\nUne phrase de plus.\n", "utf-8")
    own_page.button(key="rebuild").click().run()
    assert rebuild.of(core.settings()).wait(60)
    assert "L’index est reconstruit" in _sidebar(own_page.run())
    assert "2 document(s)" in _sidebar(own_page)
    assert not own_page.button(key="rebuild").disabled


def test_a_rebuild_that_fails_is_told_and_the_page_goes_on_answering(own_page: AppTest, corpus_copy: Path):
    (corpus_copy / "broken.pdf").write_bytes(b"no PDF")
    own_page.button(key="rebuild").click().run()
    assert rebuild.of(core.settings()).wait(60)
    assert "l’ancien reste en service" in _sidebar(own_page.run())
    assert "broken.pdf" in _sidebar(own_page)
    own_page.chat_input(key="ask").set_value(KINE).run()
    assert 'class="hds-answer hds-oui"' in _html(own_page)


def test_a_corpus_that_is_gone_is_told_in_the_side_bar_only(own_page: AppTest, corpus_copy: Path):
    shutil.rmtree(corpus_copy)
    assert "ne peut pas être lu" in _sidebar(own_page.run())
    assert "hds-intro" in _html(own_page)


def test_the_state_of_the_index_is_looked_at_once_for_all_runs(
    own_page: AppTest, monkeypatch: pytest.MonkeyPatch
):
    looked: list[Settings] = []

    def look(settings: Settings) -> IndexState:
        looked.append(settings)
        return index_state(settings)

    monkeypatch.setattr(sidebar, "index_state", look)
    sidebar._looked.cache_clear()
    own_page.run().run()
    assert len(looked) == 1


def test_two_who_ask_for_a_rebuild_at_once_get_one(fake_settings: Settings, monkeypatch: pytest.MonkeyPatch):
    going, built = threading.Event(), []

    def build(settings: Settings, *, force: bool, progress: object) -> None:
        built.append(settings)
        progress("encode", 3, 4)
        assert going.wait(60)

    monkeypatch.setattr(rebuild, "build_index", build)
    job = rebuild.Rebuild(fake_settings)
    for _ in range(2):
        job.start()
    assert job.running
    assert not job.wait(0.05)
    going.set()
    assert job.wait(60)
    assert built == [fake_settings]
    assert job.step == rebuild.Step("encode", 3, 4)


GUIDE = """
from hds_bot import HdsBot
from hds_bot.interfaces.page import guide
guide.show(HdsBot.load())
"""


def test_the_guidance_page_marks_every_rule_at_its_quote(index_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HDS_BOT_INDEX", str(index_folder))
    page = AppTest.from_string(GUIDE, default_timeout=60).run()
    article = _html(page).partition("</article>")[0]
    for rule in rules.load_rules().rules:
        if rule.quote:
            assert rule.quote in _read(page)
            assert join([rule.title["fr"]]) in article


def test_the_guidance_page_opens_the_document_and_the_place_of_its_address(
    index_folder: Path, corpus_copy: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HDS_BOT_INDEX", str(index_folder))
    monkeypatch.setenv("HDS_BOT_CORPUS", str(corpus_copy))
    (corpus_copy / "new.md").write_text("# Note\n\nUne phrase.\n\nUne < autre & $x$.\n", "utf-8")
    page = AppTest.from_string(GUIDE, default_timeout=60)
    page.query_params.update({"document": "new", "at": str(len("Note\n\nUne phrase.\n\n"))})
    assert '<span id="hds-here">Une &lt; autre &amp; $x$.</span>' in _html(page.run())
    assert page.selectbox(key="document").options[0] == "Note (new)"
    page.selectbox(key="document").select_index(1).run()
    assert "hds-here" not in _html(page)
    page.query_params["at"] = "²"
    assert "hds-here" not in _html(page.run())


def test_the_guidance_page_lists_the_corpus_with_what_each_document_is(
    index_folder: Path, corpus_copy: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HDS_BOT_INDEX", str(index_folder))
    monkeypatch.setenv("HDS_BOT_CORPUS", str(corpus_copy))
    about = "title: Arrêté <b>\npublisher: Ministère\ndate: 2024-05-16\nlanguage: en"
    new = f"---\n{about}\nauthority: law\nstatus: superseded\n---\nA sentence.\n"
    (corpus_copy / "new.md").write_text(new, "utf-8")
    shown = _html(AppTest.from_string(GUIDE, default_timeout=60).run())
    heads, *rows = re.findall("<tr.*?</tr>", shown.partition('class="hds-table hds-documents"')[2])
    assert _cells(heads) == ["Titre", "Éditeur", "Autorité", "État", "Date", "Langue", "Passages"]
    assert list(map(_cells, rows)) == [
        ["Arrêté <b>", "Ministère", "loi", "remplacé", "2024-05-16", "anglais", "pas encore indexé"],
        ["Qui doit utiliser un hébergeur HDS ?", "—", "guide", "en vigueur", "—", "français", "13"],
    ]


def test_a_long_corpus_is_cut_short_in_the_table(monkeypatch: pytest.MonkeyPatch, bot):
    monkeypatch.setattr(documents, "MOST", 2)
    shown: list[str] = []
    monkeypatch.setattr(documents.st, "html", shown.append)
    found = [Document(str(number), f"Title {number}", "") for number in range(5)]
    documents.show(found, bot, words("en"))
    assert "Title 1" in "".join(shown)
    assert "Title 2" not in "".join(shown)
    assert "3 more documents." in shown[-1]


def test_personal_data_are_told_and_stay_out_of_the_link_unless_the_user_insists(page: AppTest):
    page.chat_input(key="ask").set_value(
        "La patiente Mme Durand : notre cabinet garde son dossier, HDS ?"
    ).run()
    assert "semble contenir des données personnelles : nom." in _html(page)
    assert "Durand" not in str(page.query_params)
    page.checkbox(key="insist").check().run()
    assert "Durand" in str(page.query_params)
    page.checkbox(key="insist").uncheck().run()
    assert "Durand" not in str(page.query_params)
    page.button(key="mask").click().run()
    assert "Durand" not in _html(page)
    assert "semble contenir" not in _html(page)


def test_personal_data_in_a_link_leave_the_address_as_soon_as_it_is_read(page: AppTest):
    link = AppTest.from_file(str(SCRIPT), default_timeout=60)
    link.query_params["q"] = "Patient Jean Dupont : notre cabinet garde son dossier, HDS ?"
    assert "semble contenir des données personnelles : nom." in _html(link.run())
    assert "Dupont" not in str(link.query_params)
    assert "[nom]" in str(link.query_params)
    link.checkbox(key="insist").check().run()
    assert "Dupont" in str(link.query_params)
    assert "Dupont" in str(link.run().query_params)


def test_ratings_are_kept_in_a_file_only_once_the_user_asks(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    page.chat_input(key="ask").set_value(KINE).run()
    assert list(tmp_path.iterdir()) == []
    page.checkbox(key="rates").check().run()
    page.button(key="rate-useful").click().run()
    kept = json.loads((tmp_path / "hds-bot" / "ratings.jsonl").read_text("utf-8"))
    assert (kept["rating"], kept["record"]["answer"]["question"]) == ("useful", KINE)


def test_both_ways_to_start_the_page_use_the_same_settings():
    beside_app = (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    assert beside_app == (SCRIPT.parent / ".streamlit" / "config.toml").read_text("utf-8")


def _cells(row: str) -> list[str]:
    return [unescape(cell) for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]


def _sidebar(page: AppTest) -> str:
    assert not page.exception
    return unescape("".join(element.proto.body for element in page.sidebar.get("html")))


def _html(page: AppTest) -> str:
    assert not page.exception
    bodies = (element.proto.body for element in page.get("html"))
    return "".join(body for body in bodies if not body.startswith("<style>"))


def _read(page: AppTest) -> str:
    """What a reader sees: no markup."""
    return unescape(re.sub(r"<(?!br>)[^>]*>", "", _html(page)).replace("<br>", "\n"))
