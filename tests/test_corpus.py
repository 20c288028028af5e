"""The corpus room: folders, metadata, normalising, quotes, and what bad input gets."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hds_bot.corpus import find_quote, fingerprint, fold, read_corpus, read_document
from hds_bot.corpus.limits import MAX_BYTES
from hds_bot.corpus.normalising import clean, clean_block
from hds_bot.errors import CorpusError
from hds_bot.types import Document

AWKWARD = st.text(
    st.sampled_from("aé ’'“\"«»\u00a0\u202f\n\r\t\u00ad\u200b\u202eﬁ\u0301\x00\u2028•"), max_size=60
)


def write(folder: Path, name: str, content: str | bytes = "Un texte.\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, name: str, content: str | bytes) -> Document:
    return read_document(write(folder, name, content), root=folder)


def refusal(folder: Path, name: str, content: str | bytes) -> CorpusError:
    with pytest.raises(CorpusError) as caught:
        read(folder, name, content)
    assert name.rsplit(".", 1)[0] in caught.value.where
    assert caught.value.next_step
    return caught.value


# -- a folder -----------------------------------------------------------------------------


def test_documents_are_read_from_all_sub_folders_and_sorted_by_id(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", "a/b/c.md"):
        write(tmp_path, name)
    assert [document.id for document in read_corpus(tmp_path).documents] == ["a/b/c", "a/z", "b"]


def test_progress_is_told_after_each_file(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.md")
    told: list[tuple[int, int]] = []
    read_corpus(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_unknown_formats_are_listed_and_hidden_files_are_not(tmp_path: Path) -> None:
    for name in ("a.md", "photo.jpg", "LICENSE", ".cache/x.md", ".hidden.md", "~$lock.docx"):
        write(tmp_path, name)
    corpus = read_corpus(tmp_path)
    assert [document.id for document in corpus.documents] == ["a"]
    assert [name for name, _ in corpus.left_out] == ["LICENSE", "photo.jpg"]
    assert "`.jpg`" in corpus.left_out[1][1]


def test_superseded_documents_are_read_and_flagged(tmp_path: Path) -> None:
    assert read(tmp_path, "a.md", "---\nstatus: superseded\n---\nTexte").status == "superseded"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder, "a.md", "Autre texte."),
        lambda folder: write(folder, "b.meta.yaml", "title: Autre"),
        lambda folder: (folder / "b.txt").rename(folder / "c.txt"),
        lambda folder: write(folder, "new.md"),
        lambda folder: (folder / "a.md").unlink(),
    ],
    ids=["edited", "side file edited", "renamed", "added", "removed"],
)
def test_the_hash_tells_any_change_of_a_document(tmp_path: Path, change: object) -> None:
    for name in ("a.md", "b.txt"):
        write(tmp_path, name)
    write(tmp_path, "b.meta.yaml", "title: B")
    before = read_corpus(tmp_path).sha256
    change(tmp_path)  # type: ignore[operator]
    assert read_corpus(tmp_path).sha256 == fingerprint(tmp_path) != before


def test_a_known_document_is_not_read_again_while_its_file_is_the_same(tmp_path: Path) -> None:
    for name in ("same.md", "edited.md", "described.md", "reformatted.md"):
        write(tmp_path, name)
    known = read_corpus(tmp_path).documents
    write(tmp_path, "edited.md", "Autre texte.")
    write(tmp_path, "described.meta.yaml", "title: Autre")
    (tmp_path / "reformatted.md").rename(tmp_path / "reformatted.txt")
    after = read_corpus(tmp_path, known=known).documents
    assert [document.id for document in after if any(document is one for one in known)] == ["same"]
    assert after == read_corpus(tmp_path).documents


def test_the_hash_is_the_same_elsewhere_and_whatever_lies_beside(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder, "a.md")
    write(tmp_path / "two", "notes.bak")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")


def test_the_hash_without_parsing_agrees_even_where_a_file_is_bad(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "bad.txt", b"\xff")
    assert read_corpus(tmp_path, keep_going=True).sha256 == fingerprint(tmp_path)


# -- a folder that can't be read ----------------------------------------------------------


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder") as caught:
        read_corpus(tmp_path / "nowhere")
    assert caught.value.where == str(tmp_path / "nowhere")


def test_a_file_given_as_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="not a folder"):
        read_corpus(write(tmp_path, "a.md"))


def test_an_empty_folder_is_refused_with_the_formats_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no readable document") as caught:
        read_corpus(tmp_path)
    assert ".md" in caught.value.next_step


def test_a_folder_without_a_readable_document_says_what_it_left_out(tmp_path: Path) -> None:
    write(tmp_path, "photo.jpg")
    write(tmp_path, "bad.txt", b"\xff")
    with pytest.raises(CorpusError, match="no readable document") as caught:
        read_corpus(tmp_path, keep_going=True)
    assert "photo.jpg: unknown format" in str(caught.value)
    assert "bad.txt: not UTF-8" in str(caught.value)


def test_a_bad_document_stops_the_reading_unless_told_to_keep_going(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "bad.txt", b"abc\xe9")
    with pytest.raises(CorpusError, match="offset 3"):
        read_corpus(tmp_path)
    corpus = read_corpus(tmp_path, keep_going=True)
    assert [document.id for document in corpus.documents] == ["good"]
    assert corpus.left_out == (("bad.txt", "not UTF-8: byte 0xE9 at offset 3 (line 1)"),)


def test_two_files_of_one_id_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "guide.md")
    write(tmp_path, "guide.txt")
    with pytest.raises(CorpusError, match="another file has the same name"):
        read_corpus(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.md").chmod(0)
    with pytest.raises(CorpusError, match="can't be read"):
        read_corpus(tmp_path)


def test_what_the_system_refuses_is_told_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, "a.md")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CorpusError, match="can't be read: Permission denied"):
        read_document(path, root=tmp_path)


@pytest.mark.parametrize("target", ["secret.md", "secrets"])
def test_a_link_that_leaves_the_corpus_is_refused(tmp_path: Path, target: str) -> None:
    write(tmp_path, "secret.md")
    write(tmp_path, "secrets/x.md")
    corpus = tmp_path / "corpus"
    write(corpus, "a.md")
    (corpus / "b.md").symlink_to(tmp_path / target)
    with pytest.raises(CorpusError, match="leaves the corpus"):
        read_corpus(corpus)
    assert read_corpus(corpus, keep_going=True).left_out == (("b.md", "a path that leaves the corpus"),)


def test_a_folder_linked_from_outside_is_refused_and_never_entered(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/x.md")
    write(tmp_path, "corpus/a.md")
    (tmp_path / "corpus/linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match="leaves the corpus"):
        read_corpus(tmp_path / "corpus")


def test_a_link_inside_the_corpus_is_read_and_one_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "a/x.md")
    (tmp_path / "y.md").symlink_to(tmp_path / "a/x.md")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    corpus = read_corpus(tmp_path)
    assert [document.id for document in corpus.documents] == ["a/x", "y"]
    assert corpus.left_out == (("b", "a link to a folder is not followed"),)


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "a.md")
    with pytest.raises(CorpusError, match="can't be read"):
        read_corpus(tmp_path)


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    with pytest.raises(CorpusError, match="not a regular file"):
        read_corpus(tmp_path)


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(CorpusError, match="more than the 50 MB allowed"):
        read_document(path, root=tmp_path)


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a.md", "Avant.")
    real_fstat = os.fstat
    calls: list[int] = []

    def fstat_and_touch(descriptor: int) -> os.stat_result:
        status = real_fstat(descriptor)
        if not calls:
            path.write_bytes("Après, et plus long.".encode())
        calls.append(descriptor)
        return status

    monkeypatch.setattr(os, "fstat", fstat_and_touch)
    with pytest.raises(CorpusError, match="changed while it was read"):
        read_document(path, root=tmp_path)


@pytest.mark.parametrize("name", ["a\nb.md", "\u202edm.a.md", os.fsdecode(b"a\xff.md")])
def test_a_file_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(CorpusError, match="file name") as caught:
        read_corpus(tmp_path)
    assert caught.value.where.isascii()
    write(tmp_path, "good.md")
    ((left_out, _),) = read_corpus(tmp_path, keep_going=True).left_out
    assert left_out == caught.value.where


def test_an_accent_in_a_file_name_gives_one_id_on_every_system(tmp_path: Path) -> None:
    write(tmp_path, unicodedata.normalize("NFD", "références.md"))
    assert read_corpus(tmp_path).documents[0].id == "références"


def test_a_path_outside_the_corpus_is_refused_and_a_relative_one_inside_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "corpus/a.md")
    outside = write(tmp_path, "b.md")
    monkeypatch.chdir(tmp_path)
    assert read_document(Path("corpus/a.md"), root=tmp_path / "corpus").id == "a"
    with pytest.raises(CorpusError, match="leaves the corpus"):
        read_document(outside, root=tmp_path / "corpus")


def test_a_suffix_without_reader_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    assert ".pdf" in refusal(tmp_path, "a.odt", "x").next_step


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    error = refusal(tmp_path, "a.md", "Texte")
    assert "markdown_it" in error.what
    assert "hds-bot[build]" in error.next_step


# -- encodings ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_utf_8_and_marked_utf_16_are_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    assert read(tmp_path, "a.txt", (mark + "Été\r\nhiver").encode(encoding)).text == "Été\nhiver"


def test_another_encoding_is_refused_naming_the_byte_and_the_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.md", "un\ndeux\nété".encode("latin-1"))
    assert error.what == "not UTF-8: byte 0xE9 at offset 8 (line 3)"
    assert "UTF-8" in error.next_step


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"abc\x00def", "binary content"),
        (b"%PDF-1.7 abc", "a PDF"),
        (b"PK\x03\x04abc", "a ZIP or Office file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office file"),
    ],
)
def test_binary_content_under_a_name_of_text_is_refused(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    assert refusal(tmp_path, name, content).what == f"this is {kind}, not text"


@pytest.mark.parametrize("content", ["", " \n\t\n", "\ufeff", "\u200b\u202e", "---\ntitle: Vide\n---\n"])
def test_a_document_without_text_is_refused(tmp_path: Path, content: str) -> None:
    assert refusal(tmp_path, "a.md", content).what == "the document has no text"


# -- metadata -----------------------------------------------------------------------------

FULL = """---
title: "Référentiel : version 2"
language: en
source: https://esante.gouv.fr/hds
retrieved: 2026-11-23
date: 2024-05
publisher: Une agence
licence: etalab-2.0
authority: regulator
status: superseded
tags: [hds, 'données']
---
Text.
"""


def test_every_key_of_the_front_matter_reaches_the_document(tmp_path: Path) -> None:
    document = read(tmp_path, "a.md", FULL)
    assert (document.title, document.language, document.date) == ("Référentiel : version 2", "en", "2024-05")
    assert (document.source, document.publisher) == ("https://esante.gouv.fr/hds", "Une agence")
    assert (document.licence, document.authority, document.status) == (
        "etalab-2.0",
        "regulator",
        "superseded",
    )
    assert document.tags == ("hds", "données")
    assert document.text == "Text."


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_a_side_file_describes_a_document_of_any_format(tmp_path: Path, name: str) -> None:
    write(tmp_path, "a.meta.yaml", "title: Décret\nauthority: law\n")
    document = read(tmp_path, name, "Texte.")
    assert (document.title, document.authority) == ("Décret", "law")
    assert read_corpus(tmp_path).left_out == ()


def test_a_side_file_wins_over_what_the_document_says_itself(tmp_path: Path) -> None:
    write(tmp_path, "a.meta.yaml", "status: superseded")
    document = read(tmp_path, "a.md", "---\ntitle: A\nstatus: in_force\n---\nTexte")
    assert (document.title, document.status) == ("A", "superseded")


def test_a_side_file_without_document_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.meta.yaml", "title: B")
    assert read_corpus(tmp_path).left_out == (("b.meta.yaml", "a side file without its document"),)


def test_the_title_is_the_first_heading_or_the_file_name_where_none_is_given(tmp_path: Path) -> None:
    assert read(tmp_path, "a.md", "# *Le* titre\n\nTexte").title == "Le titre"
    assert read(tmp_path, "mon-guide.txt", "Texte").title == "mon-guide"


def test_a_first_heading_that_repeats_the_title_is_in_no_path(tmp_path: Path) -> None:
    document = read(tmp_path, "a.md", "---\ntitle: L'hôte\n---\n# L’hôte\n\nUn.\n\n## B\n\nDeux.")
    assert [section.path for section in document.sections] == [(), ("B",)]


@pytest.mark.parametrize(
    ("front", "what", "next_step"),
    [
        ("titel: A", "unknown key `titel`", "title"),
        ("title: A\ntitle: B", "the key `title` occurs twice", "one"),
        ("language: de", "`language: de` is not known", "fr, en"),
        ("authority: boss", "`authority: boss` is not known", "law, regulator, guide"),
        ("status: old", "`status: old` is not known", "in_force, superseded"),
        ("date: 31/05/2024", "`date: 31/05/2024` is not a date", "2024-05-31"),
        ("retrieved: 2024-13", "`retrieved: 2024-13` is not a date", "2024-05-31"),
        ("title: [a, b]", "`title` holds more than one value", "single"),
        ("tags: [[a]]", "`tags` holds more than one value", "single"),
        ("source: javascript:alert(1)", "`source` is not a web address", "https://"),
        ("title: a: b", "the metadata is not YAML", "key: value"),
        ("- a\n- b", "the metadata has no keys", "key: value"),
        ("? [a]\n: b", "unknown key", "title"),
        ("title: " + "[" * 5000, "the metadata is not YAML", "key: value"),
        ("title: " + "a" * 30000, "more than 20000 characters", "docs/corpus.md"),
        ("title: !!python/object/apply:os.system [id]", "`title` holds more than one value", "single"),
    ],
)
def test_a_fault_in_the_front_matter_is_named_with_what_to_write(
    tmp_path: Path, front: str, what: str, next_step: str
) -> None:
    error = refusal(tmp_path, "a.md", f"---\n{front}\n---\nTexte")
    assert what in error.what
    assert next_step in error.next_step


def test_front_matter_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    assert "not closed" in refusal(tmp_path, "a.md", "---\ntitle: A\n\nTexte").what


# -- normalising --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("e\u0301te\u0301", "été"),
        ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne"),
        ("HDS\u00a0: oui\u202f!", "HDS : oui !"),
        ("ofﬁciel ﬂux", "officiel flux"),
        ("héber\u00adgeur\u200b cer\u2060tifié", "hébergeur certifié"),
        ("\u202eabc\u2066\x00\x1b[31m\x85", "abc[31m\n"),
        ("\U000e0041caché\ud800", "caché"),
        ("\uf0b7 puce", "• puce"),
        ("l’“avis” «dit»…", "l’“avis” «dit»…"),
    ],
)
def test_each_oddity_gets_one_spelling(written: str, shown: str) -> None:
    assert clean(written) == shown


def test_runs_of_blanks_and_blank_lines_are_folded_and_indents_kept() -> None:
    assert clean_block("\n\n a  b\t c \n \n\n\n\n  • d\n") == " a b c\n\n  • d"


@given(st.one_of(st.text(), AWKWARD))
@example("ﷺ" * 2000)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean_block(clean_block(text)) == clean_block(text)


# -- quotes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quote",
    ["l'hôte “est” prêt", 'l’hôte "est" prêt', "lʼhôte\n  «est»\u00a0prêt", "l'ho\u0302te „est“ pre\u0302t"],
)
def test_a_quote_is_found_whatever_its_spaces_apostrophes_and_quotation_marks(quote: str) -> None:
    text = "Ici, l’hôte “est”\nprêt."
    assert find_quote(text, quote) == (5, 22)
    assert fold(quote) == fold(text[5:22])


@pytest.mark.parametrize("quote", ["", "  ", "l’hotel", "L’HÔTE", "prêt !"])
def test_a_quote_that_is_not_there_word_for_word_is_not_found(quote: str) -> None:
    assert find_quote("Ici, l’hôte est prêt.", quote) is None


@given(text=AWKWARD, start=st.integers(0, 30), length=st.integers(1, 30))
def test_every_slice_of_a_document_is_found_as_a_quote(text: str, start: int, length: int) -> None:
    document = clean_block(text)
    quote = document[start : start + length]
    found = find_quote(document, quote)
    assert (found is None) == (not quote.strip())
    assert found is None or fold(document[slice(*found)]) == fold(quote)


@given(text=AWKWARD, quote=AWKWARD)
def test_a_quote_is_found_exactly_where_the_folded_texts_agree(text: str, quote: str) -> None:
    document, words = clean_block(text), fold(clean(quote))
    assert (find_quote(document, quote) is not None) == (words != "" and words in fold(document))
