"""Each reader on documents made by the format's own tools, and on broken and hostile ones."""

from __future__ import annotations

import functools
import io
import random
import zipfile
from collections.abc import Callable

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from fpdf import FPDF
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hds_bot.corpus.content import Content
from hds_bot.corpus.limits import MAX_EXPANDED, MAX_MARKUP, MAX_PAGES
from hds_bot.corpus.normalising import clean_block
from hds_bot.corpus.readers import READERS
from hds_bot.errors import CorpusError


def read(suffix: str, data: str | bytes) -> Content:
    return READERS[suffix](data.encode() if isinstance(data, str) else data, f"d{suffix}")


def refusal(suffix: str, data: str | bytes) -> str:
    with pytest.raises(CorpusError) as caught:
        read(suffix, data)
    assert caught.value.where == f"d{suffix}"
    assert caught.value.next_step
    return caught.value.what


def paths(content: Content) -> list[tuple[str, ...]]:
    return [section.path for section in content.sections]


def bodies(content: Content) -> list[str]:
    return [content.text[section.start : section.end] for section in content.sections]


# -- Markdown -----------------------------------------------------------------------------


def test_markdown_is_shown_without_its_marks() -> None:
    content = read(
        ".md", "**Gras**, *oblique*, `code`, [lien](http://x), ![alt](y.png) &amp; \\* fin  \nligne\nsuite"
    )
    assert content.text == "Gras, oblique, code, lien, alt & * fin\nligne suite"


def test_markdown_lists_keep_their_levels_numbers_and_further_paragraphs() -> None:
    content = read(".md", "Avant :\n\n3. un\n4. deux\n\n   suite\n   - a\n     1. b\n\nAprès.")
    assert content.text == "Avant :\n3. un\n4. deux\n  suite\n  • a\n    1. b\n\nAprès."


def test_markdown_tables_stay_readable() -> None:
    content = read(".md", "Selon :\n\n| Qui | Quoi |\n|---|---|\n| **Hôpital** | oui |\n|  | non |")
    assert content.text == "Selon :\n\nQui | Quoi\n• Hôpital | oui\n• | non"


def test_markdown_headings_make_nested_sections_that_hold_all_but_the_headings() -> None:
    content = read(".md", "Début.\n\n# A\n\n## B ##\n\nUn.\n\n# C\n\nDeux.\n\n---\n\nFin.")
    assert paths(content) == [(), ("A",), ("A", "B"), ("C",), ()]
    assert bodies(content) == ["Début.", "", "Un.", "Deux.", "Fin."]


def test_scripts_hidden_text_and_comments_in_markdown_are_not_shown() -> None:
    content = read(
        ".md",
        "Vu <b>aussi</b> <span style='display: none'>caché</span> <script>alert(1)</script> a &lt; b.\n\n"
        "<!-- note -->\n\n<div hidden>caché</div>\n\n<p>bloc</p>\n\n"
        "<script>\nalert(2)\n</script>\n\n- <u>item</u>",
    )
    assert content.text == "Vu aussi a < b.\n\nbloc\n• item"


def test_markdown_nested_too_deep_is_refused() -> None:
    assert "levels deep" in refusal(".md", ">" * 60 + " fond")
    assert "levels deep" in refusal(".md", "\n".join("  " * n + "- x" for n in range(40)))


# -- HTML ---------------------------------------------------------------------------------

PAGE = """<!doctype html><html lang="en-GB">
<head><title>Guide | Site</title><style>p{color:red}</style></head><body>
<header><a href="/">Home</a></header><nav><ul><li>Menu</li></ul></nav>
<div role="dialog">Cookies?</div>
<main><h1>The <em>HDS</em> guide</h1>
  <p>A <a href="javascript:x()">link</a>,<br>then&nbsp;a
     line<sup>1</sup>.</p>
  bare text <b>bold</b><script>alert(1)</script><template>no</template><!-- no -->
  <p hidden>no</p><p style="Display : NONE">no</p><p aria-hidden="true">no</p><span class="sr-only">no</span>
  <ul><li>one</li><li><p>two</p><ol start="3"><li>three</li></ol></li></ul>
  <h2>Table</h2><table><tr><th>Who</th><th>What</th></tr><tr><td>Hospital</td><td>yes,<br>always</td></tr></table>
  <blockquote><p>quoted</p></blockquote><dl><dt>HDS</dt><dd>hosting</dd></dl><aside>Ads</aside>
</main><footer>Contact</footer></body></html>"""


def test_a_web_page_gives_its_article_alone() -> None:
    content = read(".html", PAGE)
    assert content.text == (
        "The HDS guide\n\nA link,\nthen a line1.\n\nbare text bold\n• one\n• two\n  3. three\n\n"
        "Table\n\nWho | What\n• Hospital | yes, always\n\nquoted\n\nHDS\n\nhosting"
    )
    assert paths(content) == [("The HDS guide",), ("The HDS guide", "Table")]
    assert content.metadata == {"language": "en"}


def test_a_page_without_heading_takes_its_title_element() -> None:
    assert read(".htm", "<title>Mon guide</title><p>Texte").metadata == {"title": "Mon guide"}


def test_a_page_in_its_declared_western_encoding_is_read() -> None:
    page = '<meta charset="iso-8859-1"><p>l\x92été'.encode("latin-1")
    assert read(".html", page).text == "l’été"


def test_a_page_in_utf_8_is_read_as_such_whatever_it_declares() -> None:
    assert read(".html", '<meta charset="iso-8859-1"><p>été').text == "été"


def test_a_page_in_an_undeclared_encoding_is_refused() -> None:
    assert "not UTF-8" in refusal(".html", "<p>été".encode("latin-1"))


def test_a_table_that_only_lays_out_the_page_is_read_as_blocks() -> None:
    assert read(".html", "<table role=presentation><tr><td><p>Un.<p>Deux.</table>").text == "Un.\n\nDeux."


def test_a_page_nested_too_deep_is_refused_rather_than_cut() -> None:
    assert "nested too deep" in refusal(".html", "<p>avant" + "<div>" * 10_000 + "fond")


# -- Word ---------------------------------------------------------------------------------


def word(build: Callable[[docx.document.Document], None]) -> bytes:
    document = docx.Document()
    build(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def guide(document: docx.document.Document) -> None:
    document.add_heading("Guide HDS", 0)
    document.add_heading("Qui", 1)
    document.add_paragraph("Sont\tconcernés :")
    for actor in ("hôpitaux", "cliniques"):
        document.add_paragraph(actor, style="List Bullet")
    for step in ("choisir", "signer"):
        document.add_paragraph(step, style="List Number")
    document.add_heading("Quoi", 2)
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["Donnée", "HDS", "ECG", "oui\ntoujours"], strict=True):
        cell.text = text
    document.add_paragraph("Fin.")


def test_a_word_document_keeps_headings_lists_numbers_and_tables() -> None:
    content = read(".docx", word(guide))
    assert content.text == (
        "Guide HDS\n\nQui\n\nSont concernés :\n• hôpitaux\n• cliniques\n1. choisir\n2. signer\n\n"
        "Quoi\n\nDonnée | HDS\n• ECG | oui toujours\n\nFin."
    )
    assert paths(content) == [("Guide HDS",), ("Guide HDS", "Qui"), ("Guide HDS", "Qui", "Quoi")]


def test_a_heading_style_of_ones_own_counts_as_the_one_it_is_based_on() -> None:
    def build(document: docx.document.Document) -> None:
        style = document.styles.add_style("Titre maison", WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Heading 1"]
        document.add_paragraph("Chapitre", style="Titre maison")
        document.add_paragraph("Texte.")

    assert paths(read(".docx", word(build))) == [("Chapitre",)]


def test_hidden_and_deleted_words_are_left_out_and_inserted_ones_kept() -> None:
    def build(document: docx.document.Document) -> None:
        paragraph = document.add_paragraph("vu ")
        paragraph.add_run("caché ").font.hidden = True
        for tag in ("w:del", "w:ins"):
            change = OxmlElement(tag)
            change.append(paragraph.add_run(f"{tag[2:]} ")._r)
            paragraph._p.append(change)

    assert read(".docx", word(build)).text == "vu ins"


def test_a_content_control_is_read_like_the_text_around_it() -> None:
    def build(document: docx.document.Document) -> None:
        control, content = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
        content.append(document.add_paragraph("Dedans.")._p)
        control.append(content)
        document.element.body.insert(0, control)

    assert read(".docx", word(build)).text == "Dedans."


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_word_document_cut_short_is_refused(kept: float) -> None:
    data = word(guide)
    cut = data[: int(kept if kept >= 1 else kept * len(data))]
    assert "not a whole Word document" in refusal(".docx", cut)


def test_a_zip_of_something_else_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "x")
    assert "not a whole Word document" in refusal(".docx", file.getvalue())


def test_a_zip_bomb_is_refused_before_it_unpacks() -> None:
    file = io.BytesIO(word(guide))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.xml", "w") as bomb:
        for _ in range(MAX_EXPANDED // 2**20 + 1):
            bomb.write(bytes(2**20))
    assert len(file.getvalue()) < 2**20
    assert "MB allowed" in refusal(".docx", file.getvalue())


def test_a_word_document_nested_too_deep_is_refused() -> None:
    def build(document: docx.document.Document) -> None:
        inner = document.element.body
        for _ in range(400):
            control = OxmlElement("w:sdt")
            inner.insert(0, control)
            inner = control

    assert "not a whole Word document" in refusal(".docx", word(build))


# -- PDF ----------------------------------------------------------------------------------

LONG = (
    "L’hébergeur conserve les dossiers médico-sociaux et les résultats d’analyse ; il en garantit la "
    "confidentialité, la traçabilité et la sécurité à tout moment. "
)


class Guide(FPDF):
    """Pages with a running title and a page number, as offices print them."""

    def __init__(self) -> None:
        super().__init__()
        self.core_fonts_encoding = "windows-1252"
        self.set_font("Helvetica", size=10)

    def header(self) -> None:
        self.set_y(10)
        self.write(text=f"Guide HDS – chapitre {self.page_no()}")
        self.ln(15)

    def footer(self) -> None:
        self.set_y(-15)
        self.write(text=f"Page {self.page_no()} sur 3")

    def say(self, text: str, *, size: float = 10) -> None:
        self.set_font_size(size)
        self.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")
        self.ln(3)
        self.set_font_size(10)

    def item(self, text: str) -> None:
        self.set_x(15)
        self.write(5, "• ")
        self.multi_cell(0, 5, text, new_x="LMARGIN", new_y="NEXT")


@functools.cache
def pdf(*, outline: bool = False, locked: bool = False) -> bytes:
    document = Guide()
    document.add_page()
    document.say("Guide HDS", size=20)
    for number in (1, 2):
        if outline:
            document.start_section(f"Chapitre {number}")
        document.say(f"{number}. Chapitre {number}", size=14)
        document.say("Sont concernés :")
        document.item("les hôpitaux, " + "publics ou privés, " * 8)
        document.item("les cliniques")
        document.ln(3)
        document.say(LONG * 9)
        document.add_page()
    document.set_x(10)
    for row in (("Donnée", "HDS"), ("ECG", "oui"), ("Données simulées", "non")):
        for text in row:
            document.cell(60, 6, text)
        document.ln()
    if locked:
        document.set_encryption("owner", "user")
    return bytes(document.output())


def one_page() -> FPDF:
    document = FPDF()
    document.core_fonts_encoding = "windows-1252"
    document.set_font("Helvetica", size=10)
    document.add_page()
    return document


def blank_pdf(pages: int) -> bytes:
    document = FPDF()
    for _ in range(pages):
        document.add_page()
    return bytes(document.output())


def test_a_pdf_gives_its_text_without_running_titles_and_page_numbers() -> None:
    text = read(".pdf", pdf()).text
    assert text.startswith("Guide HDS\n\n1. Chapitre 1\n\nSont concernés :\n• les hôpitaux, publics")
    assert "Page" not in text
    assert "– chapitre" not in text


def test_lines_of_a_pdf_are_joined_to_paragraphs_and_items() -> None:
    text = read(".pdf", pdf()).text
    assert (LONG * 9).strip() in text
    assert "• les hôpitaux, " + ("publics ou privés, " * 8).strip() + "\n• les cliniques\n\n" in text


@pytest.mark.parametrize("outline", [False, True])
def test_headings_of_a_pdf_come_from_its_outline_or_else_from_their_size(outline: bool) -> None:
    found = paths(read(".pdf", pdf(outline=outline)))
    chapters = [("1. Chapitre 1",), ("2. Chapitre 2",)]
    assert found == (
        [(), *chapters] if outline else [("Guide HDS",), *(("Guide HDS", *path) for path in chapters)]
    )


def test_a_pdf_tells_where_each_page_begins() -> None:
    content = read(".pdf", pdf())
    first, second, third = content.pages
    assert first == 0
    assert content.text[second:].lstrip().startswith("2. Chapitre 2")
    assert content.text[third:].lstrip().startswith("Donnée | HDS")


def test_the_rows_of_a_table_in_a_pdf_stay_readable() -> None:
    assert read(".pdf", pdf()).text.endswith("Donnée | HDS\n• ECG | oui\n• Données simulées | non")


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        (["un certificat d’héber-", "geur"], "un certificat d’hébergeur"),
        (["prendre rendez-", "vous"], "prendre rendez-vous"),
        (["médico-légal, puis médico-", "légal"], "médico-légal, puis médico-légal"),
        (["un sous-traitant et un sous-", "traitant"], "un sous-traitant et un sous-traitant"),
    ],
)
def test_a_word_cut_at_the_end_of_a_line_is_made_whole(lines: list[str], whole: str) -> None:
    document = one_page()
    document.multi_cell(0, 5, "\n".join(lines))
    assert read(".pdf", bytes(document.output())).text == whole


def test_a_sentence_that_runs_over_two_pages_stays_one_paragraph() -> None:
    document = one_page()
    document.multi_cell(0, 5, LONG * 40)
    content = read(".pdf", bytes(document.output()))
    assert content.text == (LONG * 40).strip()
    assert 0 < content.pages[1] < len(content.text)


def test_text_outside_the_page_and_too_small_to_see_is_left_out() -> None:
    document = one_page()
    document.write(text="Vu.")
    document.text(500, 100, "dehors")
    document.set_font_size(0.5)
    document.text(50, 100, "minuscule")
    assert read(".pdf", bytes(document.output())).text == "Vu."


def test_a_scan_is_refused_by_name() -> None:
    assert "no text" in refusal(".pdf", blank_pdf(2))


def test_a_pdf_with_a_password_is_refused() -> None:
    assert refusal(".pdf", pdf(locked=True)) == "the PDF is protected by a password"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_pdf_cut_short_is_refused(kept: float) -> None:
    assert "cut short" in refusal(".pdf", pdf()[: int(kept * len(pdf()))])


def test_what_is_no_pdf_is_refused() -> None:
    assert "not a whole PDF" in refusal(".pdf", "du texte %%EOF")


def test_too_many_pages_are_refused() -> None:
    assert f"more than the {MAX_PAGES} allowed" in refusal(".pdf", blank_pdf(MAX_PAGES + 1))


# -- too large, too long ------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".md", ".html"])
def test_more_markup_than_memory_bears_is_refused_unparsed(suffix: str) -> None:
    assert "10 MB allowed" in refusal(suffix, b"a" * (MAX_MARKUP + 1))


@pytest.mark.parametrize(
    ("suffix", "data"), [(".md", b"*a " * 9), (".md", b"- a\n" * 9), (".md", b"a\nb"), (".pdf", None)]
)
def test_a_document_that_takes_too_long_is_refused(
    suffix: str, data: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hds_bot.corpus.limits.MAX_SECONDS", -1)
    assert "takes more than" in refusal(suffix, data or pdf())


# -- whatever comes -----------------------------------------------------------------------


def assert_normal(content: Content) -> None:
    """What every reader promises: normalised text, sections in order that point into it, pages in order."""
    assert clean_block(content.text) == content.text
    bounds = [bound for section in content.sections for bound in (section.start, section.end)]
    assert bounds == sorted(bounds)
    assert all(0 <= bound <= len(content.text) for bound in (*bounds, *content.pages))
    assert list(content.pages) == sorted(content.pages)


MARKS = (
    "# A~- b~  - c~1. d~> e~|f|g|\n|-|-|\n|h|i|~---~<p>j~<div hidden>~</div>~<br>~<table><tr><td>~<li>~<ul>~"
    "<h2>k~```~\u202e\u00a0é\u0301~l\x00m~&#0;&#x202e;~~ "
)
MARKUP = st.lists(st.sampled_from(MARKS.split("~"))).map("\n".join)


@pytest.mark.parametrize("suffix", [".md", ".txt", ".html"])
@given(text=st.one_of(st.text(), MARKUP))
@example(text="&#xD800;<p>\ufffe&nbsp;")
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_to_normal_text_or_refused(suffix: str, text: str) -> None:
    try:
        content = read(suffix, text.encode("utf-8", "replace"))
    except CorpusError:
        return
    assert_normal(content)


@pytest.mark.parametrize("suffix", list(READERS))
@given(data=st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused(suffix: str, data: bytes) -> None:
    try:
        assert_normal(read(suffix, data))
    except CorpusError:
        return


@pytest.mark.parametrize("suffix", [".pdf", ".docx"])
def test_a_document_with_flipped_bytes_is_read_or_refused(suffix: str) -> None:
    whole, chance = {".pdf": pdf(), ".docx": word(guide)}[suffix], random.Random(1)  # noqa: S311
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 5, 50])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            assert_normal(read(suffix, bytes(damaged)))
        except CorpusError:
            continue
