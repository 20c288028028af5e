from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from streamlit.testing.v1 import AppTest

from hds_bot.errors import InputError
from hds_bot.interfaces.page.address import from_query, to_query
from hds_bot.interfaces.page.conversation import Conversation, Step
from hds_bot.interfaces.page.markup import Html, join, label, tag
from hds_bot.interfaces.page.translated import in_language
from hds_bot.interfaces.page.wording import LANGUAGES, words

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "hds_bot" / "interfaces" / "page" / "app.py"
CHROMIUM = os.environ.get("HDS_BOT_CHROMIUM", "/usr/bin/chromium")
KINE = (
    "Cabinet de kiné, on garde les dossiers patients dans un logiciel en ligne : faut-il un hébergeur HDS ?"
)
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
    assert from_query(to_query(conversation)) == conversation


@pytest.mark.parametrize(
    "query",
    [
        {"q": [""], "set": ["0.actor.practice"]},
        {"q": ["a", ""]},
        {"q": ["a"], "set": ["1.actor.practice"]},
        {"q": ["a"], "set": ["0.actor.yes"]},
        {"q": ["a"], "set": ["0.colour.yes"]},
        {"q": ["a"], "set": ["x.actor"]},
        {"set": ["0.actor.practice"]},
    ],
)
def test_an_address_that_holds_no_conversation_is_refused(query: dict[str, list[str]]):
    with pytest.raises(InputError, match="the address holds no conversation"):
        from_query(query)


@pytest.mark.parametrize(
    "question", [KINE, PROVIDER, "Quel temps fait-il ?", "Quelles sont les exceptions ?"]
)
def test_an_answer_in_the_other_language_keeps_all_but_the_words(question: str, bot):
    answer = bot.ask(question)
    other = in_language(answer, "en")
    assert in_language(other, "fr") == answer
    assert other.summary != answer.summary
    assert (other.verdict, other.passages, other.facts) == (answer.verdict, answer.passages, answer.facts)


def _spelt_by_code(name: str) -> str:
    """A key put together in code, such as f"trace.{outcome}", or a table that is gone through."""
    table = name.rpartition(".")[0]
    return rf'f"{table}\.\{{[\w.]+\}}(_\w+)?"|under\("{table}"\)'


def _braces(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


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
    page.chat_input(key="ask").set_value("We only process fully anonymised statistics. Do we need HDS?").run()
    assert "hds-non" in _html(page)
    page.radio(key="set-anonymised-True").set_value(False).run()
    assert "hds-non" not in _html(page)
    page.button(key="undo-anonymised").click().run()
    assert "hds-non" in _html(page)


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
    assert "hds-answer hds-non" in _html(page)


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


def test_both_ways_to_start_the_page_use_the_same_settings():
    beside_app = (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    assert beside_app == (SCRIPT.parent / ".streamlit" / "config.toml").read_text("utf-8")


def _html(page: AppTest) -> str:
    assert not page.exception
    bodies = (element.proto.body for element in page.get("html"))
    return "".join(body for body in bodies if not body.startswith("<style>"))


def _read(page: AppTest) -> str:
    """What a reader sees: no markup."""
    return unescape(re.sub(r"<(?!br>)[^>]*>", "", _html(page)).replace("<br>", "\n"))


# -- the page in a real browser -----------------------------------------------------------


@pytest.fixture(scope="session")
def address(index_folder: Path) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(SCRIPT)]
    environment = {**os.environ, "HDS_BOT_INDEX": str(index_folder)}
    flags = [f"--server.port={port}", "--server.headless=true"]
    with subprocess.Popen([*command, *flags], env=environment, stdout=subprocess.DEVNULL) as server:
        _wait_for(f"http://localhost:{port}/_stcore/health")
        yield f"http://localhost:{port}"
        server.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync"]
    flags = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with sync_playwright() as playwright, closing(_launch(playwright, flags)) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", viewport={"width": 1200, "height": 1000})
    outside: list[str] = []
    tab = context.new_page()
    tab.on("request", lambda request: outside.append(request.url) if _leaves(request.url) else None)
    tab.goto(address)
    yield tab
    context.close()
    assert outside == []


@pytest.mark.browser
def test_hostile_text_is_shown_as_it_was_written_and_nothing_leaves_the_machine(tab: Page):
    _ask(tab, HOSTILE)
    expect(tab.locator(".hds-turn p")).to_have_text(HOSTILE)
    expect(tab.locator(".st-key-chips")).to_contain_text("« dossiers patients »")
    assert tab.evaluate("window.hacked") is None
    assert tab.locator(".stMain :is(img, .katex, .hds-turn a, .st-key-chips a)").count() == 0


@pytest.mark.browser
def test_a_question_is_answered_explained_and_pursued(tab: Page):
    _ask(tab, PROVIDER)
    expect(tab.get_by_role("heading", level=2, name="À PRÉCISER")).to_be_visible()
    tab.get_by_text("Passages cités").click()
    expect(tab.locator("mark").first).to_contain_text("Si le prestataire peut voir")
    tab.get_by_role("button", name="aucun accès à des données").click()
    expect(tab.get_by_role("heading", level=2, name="NON")).to_be_visible()
    expect(tab.locator(".hds-turn")).to_have_count(2)


@pytest.mark.browser
def test_back_reload_and_editing_keep_the_conversation_and_answers_are_announced(tab: Page):
    _ask(tab, PROVIDER)
    expect(tab.get_by_role("status")).to_contain_text("À PRÉCISER")
    tab.get_by_role("button", name="aucun accès à des données").click()
    expect(tab.get_by_role("status")).to_contain_text("NON")
    tab.go_back()
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-a_preciser"))
    tab.go_forward()
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-non"))
    tab.reload()
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-non"))
    tab.get_by_role("button", name="Modifier").click()
    expect(tab.get_by_role("textbox", name="Votre question")).to_be_focused()
    tab.keyboard.press("Control+A")
    tab.keyboard.type(KINE)
    tab.get_by_role("button", name="Demander à nouveau").click()
    expect(tab.locator(".hds-turn").first).to_contain_text("Cabinet de kiné")
    tab.get_by_role("button", name="English").click()
    expect(tab.locator("html[lang=en]")).to_have_count(1)
    expect(tab.get_by_role("button", name="New situation")).to_be_visible()


def _ask(tab: Page, question: str) -> None:
    field = tab.get_by_role("textbox")
    field.fill(question)
    field.press("Enter")
    expect(tab.locator(".hds-verdict")).to_be_visible(timeout=20_000)


def _launch(playwright, flags: list[str]) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=flags)


def _leaves(url: str) -> bool:
    return not url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:"))


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - this machine's own
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)
