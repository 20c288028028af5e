from __future__ import annotations

import csv
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pypdfium2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright

pytestmark = pytest.mark.browser
CORPUS = Path(__file__).parents[1] / "corpus"
CHROMIUM = os.environ.get("HDS_BOT_CHROMIUM", "/usr/bin/chromium")
KINE = (
    "Cabinet de kiné, on garde les dossiers patients dans un logiciel en ligne : faut-il un hébergeur HDS ?"
)
PROVIDER = "Nous faisons l'infogérance de serveurs pour des cliniques, HDS obligatoire ?"
PRIVATE = "La patiente Mme Durand : notre cabinet de kiné garde son dossier patient, HDS ?"
HOSTILE = (
    'Cabinet <img src=x onerror="window.hacked=1"> de **kiné** $x^2$ :red[rouge] :smile: `a` '
    "![](http://evil.test/a.png) http://evil.test <script>window.hacked=2</script> dossiers patients"
)

WIDE, PHONE = {"width": 1200, "height": 1000}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def address(index_folder: Path) -> Iterator[str]:
    """Where `hds-bot` without a command serves the page; once it ends, nobody listens there any more."""
    port = _free_port()
    server = {"STREAMLIT_SERVER_PORT": str(port), "STREAMLIT_SERVER_HEADLESS": "true"}
    environment = {**os.environ, **server, "HDS_BOT_INDEX": str(index_folder), "HDS_BOT_CORPUS": str(CORPUS)}
    command = [sys.executable, "-m", "hds_bot"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _wait_for(f"http://localhost:{port}/_stcore/health")
        yield f"http://localhost:{port}"
        process.terminate()
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("localhost", port)) != 0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync"]
    flags = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with sync_playwright() as playwright, closing(_launch(playwright, flags)) as browser:
        yield browser


@pytest.fixture
def open_tab(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page in a tab of its own; whatever a test does, no request may leave the machine."""
    outside: list[str] = []
    with ExitStack() as opened:

        def open_one(**options: Any) -> Page:
            context = opened.enter_context(
                closing(
                    browser.new_context(base_url=address, locale="fr-FR", **{"viewport": WIDE, **options})
                )
            )
            context.on(
                "request", lambda request: outside.append(request.url) if _leaves(request.url) else None
            )
            tab = context.new_page()
            tab.goto("/")
            return tab

        yield open_one
    assert outside == []


@pytest.fixture
def tab(open_tab: Callable[..., Page]) -> Page:
    return open_tab()


def test_hostile_text_is_shown_as_it_was_written_and_nothing_leaves_the_machine(tab: Page):
    _ask(tab, HOSTILE)
    expect(tab.locator(".hds-turn p")).to_have_text(HOSTILE)
    expect(tab.locator(".st-key-chips")).to_contain_text("« dossiers patients »")
    assert tab.evaluate("window.hacked") is None
    assert tab.locator(".stMain :is(img, .katex, .hds-turn a, .st-key-chips a)").count() == 0


def test_a_question_is_answered_explained_and_pursued(tab: Page):
    _ask(tab, PROVIDER)
    expect(tab.get_by_role("heading", level=2, name="À PRÉCISER")).to_be_visible()
    tab.get_by_text("Passages cités").click()
    expect(tab.locator("mark").first).to_contain_text("Si le prestataire peut voir")
    tab.get_by_role("button", name="aucun accès à des données").click()
    expect(tab.get_by_role("heading", level=2, name="NON")).to_be_visible()
    expect(tab.locator(".hds-turn")).to_have_count(2)


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


def test_a_corrected_fact_turns_the_verdict_and_the_pdf_tells_who_stated_it(tab: Page, tmp_path: Path):
    _ask(tab, PROVIDER)
    tab.get_by_role("button", name="aucun accès à des données").click()
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-non"))
    tab.get_by_role("button", name="aucun accès à des données").click()
    tab.get_by_role("radio", name="Oui").check(force=True)
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-oui"))
    tab.keyboard.press("Escape")
    text = _pdf_text(_keep(tab, "Fiche (PDF)", tmp_path))
    assert "OUI — l’hébergement HDS est obligatoire" in text
    assert "indiqué à la main par l’utilisateur" in text


def test_personal_data_stay_out_of_the_address_and_of_what_is_kept(tab: Page, tmp_path: Path):
    _ask(tab, PRIVATE)
    expect(tab.get_by_role("alert").filter(has_text="données personnelles")).to_be_visible()
    assert "Durand" not in tab.url
    assert "Durand" not in _keep(tab, "Toute la conversation", tmp_path).read_text("utf-8")
    tab.goto(f"/?{urlencode({'q': PRIVATE})}")
    expect(tab.get_by_role("alert").filter(has_text="données personnelles")).to_be_visible()
    expect(tab).to_have_url(re.compile("nom"))
    assert "Durand" not in tab.url


def test_the_keyboard_alone_asks_opens_and_answers(tab: Page):
    expect(tab.get_by_role("textbox")).to_be_visible()
    tab.get_by_role("textbox").focus()
    tab.keyboard.type(PROVIDER)
    tab.keyboard.press("Enter")
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-a_preciser"))
    _tab_to(tab, "Passages cités")
    tab.keyboard.press("Enter")
    expect(tab.locator("mark").first).to_be_visible()
    _tab_to(tab, "aucun accès")
    tab.keyboard.press("Enter")
    expect(tab.locator(".hds-answer")).to_have_class(re.compile("hds-non"))


def test_a_citation_opens_the_whole_document_at_its_place_with_the_rules(tab: Page):
    _ask(tab, KINE)
    tab.get_by_text("Passages cités").click()
    with tab.context.expect_page() as opened:
        tab.get_by_role("link", name="Lire dans le document entier").first.click()
    document = opened.value
    expect(document.locator("#hds-here")).to_contain_text("Même un petit cabinet")
    expect(document.locator("#hds-here")).to_be_in_viewport()
    expect(document.locator("article")).to_contain_text("Cabinet qui stocke des dossiers patients")


@pytest.mark.parametrize("viewport", [WIDE, PHONE])
def test_the_corpus_is_a_table_on_a_screen_of_any_width(
    open_tab: Callable[..., Page], viewport: dict[str, int]
):
    tab = open_tab(viewport=viewport)
    tab.goto("/guide")
    table = tab.get_by_role("table").filter(has_text="13")
    expect(table.get_by_role("rowheader")).to_have_text(
        "Qui doit utiliser un hébergeur HDS ?", timeout=20_000
    )
    expect(table.get_by_role("cell")).to_have_text(["—", "guide", "en vigueur", "—", "français", "13"])
    table.scroll_into_view_if_needed()
    _check(tab)


def test_a_list_is_uploaded_answered_and_downloaded(tab: Page, tmp_path: Path):
    (tmp_path / "list.csv").write_text(f'id;question\n1;"{KINE}"\n2;Quel temps fait-il ?\n3;🙂\n', "utf-8")
    tab.get_by_role("link", name="Liste de questions").click()
    tab.locator("input[type=file]").set_input_files(tmp_path / "list.csv")
    tab.get_by_role("button", name="Répondre à la liste").click()
    expect(tab.get_by_text("2 réponse(s), 1 refus.")).to_be_visible(timeout=20_000)
    expect(tab.get_by_role("row")).to_have_count(4)
    lines = _download(tab, "Télécharger en CSV", tmp_path).read_text("utf-8-sig").splitlines()
    answers = csv.DictReader(lines)
    assert [row["verdict"] for row in answers if row["id"] in ("1", "2")] == ["oui", "hors_perimetre"]


def test_the_index_is_rebuilt_from_the_side_bar_while_everybody_goes_on_asking(
    open_tab: Callable[..., Page],
):
    keeper, asker = open_tab(), open_tab()
    _ask(asker, PROVIDER)
    for page in ("Guide et règles", "Liste de questions", "Question"):
        keeper.get_by_role("link", name=page, exact=True).click()
        expect(_side_bar(keeper)).to_contain_text("L’index est à jour avec les documents.")
    _side_bar(keeper).get_by_role("button", name="Reconstruire l’index").click()
    expect(_side_bar(keeper).get_by_role("progressbar", name="Progression")).to_be_visible()
    _ask(keeper, KINE)
    asker.get_by_role("button", name="aucun accès à des données").click()
    expect(asker.locator(".hds-answer")).to_have_class(re.compile("hds-non"))
    expect(_side_bar(keeper).get_by_role("status")).to_have_text(REBUILT, timeout=60_000)
    expect(keeper.locator(".hds-answer")).to_have_class(re.compile("hds-oui"))


def test_on_a_phone_the_keyboard_opens_the_side_bar_and_rebuilds(open_tab: Callable[..., Page]):
    tab = open_tab(viewport=PHONE, color_scheme="dark")
    expect(tab.get_by_role("button", name="Je suis kiné")).to_be_visible()
    expect(_side_bar(tab).get_by_role("button", name="Reconstruire l’index")).not_to_be_in_viewport()
    opening = tab.get_by_role("button", name="Ouvrir le menu")
    opening.focus()
    tab.keyboard.press("Enter")
    _tab_to(tab, "Reconstruire l’index")
    expect(_side_bar(tab)).to_contain_text("1 document(s), 13 passages.")
    _check(tab)
    tab.keyboard.press("Enter")
    expect(_side_bar(tab).get_by_role("status")).to_have_text(REBUILT, timeout=60_000)
    _check(tab)


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_serious_in_any_state(
    open_tab: Callable[..., Page], viewport: dict[str, int], scheme: str
):
    tab = open_tab(viewport=viewport, color_scheme=scheme)
    expect(tab.get_by_role("button", name="Je suis kiné")).to_be_visible()
    _check(tab)
    _ask(tab, PRIVATE)
    tab.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    _check(tab)
    tab.locator(".st-key-chips button").first.click()
    expect(tab.get_by_role("radio").first).to_be_visible()
    _check(tab)
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Modifier").click()
    expect(tab.get_by_role("textbox", name="Votre question")).to_be_focused()
    _check(tab)
    for path, shown in STATES.items():
        tab.goto(path)
        expect(tab.locator(shown).first).to_be_visible(timeout=20_000)
        _check(tab)


STATES = {
    f"/?q={PROVIDER}": ".hds-a_preciser",
    "/?q=Quel temps fait-il ?": ".hds-hors_perimetre",
    "/?q=Quelles sont les exceptions ?&lang=en": ".hds-sans_verdict",
    "/?q=🙂": ".hds-refused",
    "/guide?at=2022": "#hds-here",
    "/list": "text=Répondre à la liste",
}


def _check(tab: Page) -> None:
    """Axe on the page as it stands, once the script has given it its language."""
    expect(tab.locator("html[lang=fr], html[lang=en]:has([data-language=en])")).to_have_count(1)
    tags = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
    found = Axe().run(tab, options=tags).response["violations"]
    told = {(one["id"], node["html"]) for one in found for node in one["nodes"] if one["impact"] in GRAVE}
    assert told == set()
    assert tab.evaluate(
        "[...document.querySelectorAll('html, .stMain')].every((e) => e.scrollWidth <= e.clientWidth)"
    )


GRAVE = ("serious", "critical")
REBUILT = "L’index est reconstruit ; les questions suivantes s’en servent."


def _side_bar(tab: Page) -> Locator:
    return tab.get_by_test_id("stSidebarUserContent")


def _tab_to(tab: Page, words: str) -> None:
    """Press Tab until what has the focus says these words; it must show that it has it."""
    for _ in range(60):
        tab.keyboard.press("Tab")
        focused = tab.evaluate_handle("document.activeElement")
        if words in focused.evaluate(
            "element => element.matches('button, summary') ? element.innerText : ''"
        ):
            style = focused.evaluate(
                "element => [getComputedStyle(element).boxShadow, getComputedStyle(element).outlineStyle]"
            )
            assert style != ["none", "none"]
            return
    pytest.fail(f"no Tab leads to {words!r}")


def _keep(tab: Page, name: str, folder: Path) -> Path:
    tab.get_by_text("Garder ou partager").click()
    return _download(tab, name, folder)


def _download(tab: Page, name: str, folder: Path) -> Path:
    with tab.expect_download() as started:
        tab.get_by_role("button", name=name).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def _pdf_text(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        assert len(document) == 1
        return document[0].get_textpage().get_text_bounded().replace("\r\n", " ")


def _ask(tab: Page, question: str) -> None:
    field = tab.get_by_role("textbox")
    field.fill(question)
    field.press("Enter")
    expect(tab.locator(".hds-verdict")).to_be_visible(timeout=20_000)


def _launch(playwright: Playwright, flags: list[str]) -> Browser:
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
