"""Rebuilds: what did not change is not worked out again, and nobody who asks meanwhile notices."""

from __future__ import annotations

import gc
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import GUIDANCE, FakeEncoder

from hds_bot import HdsBot
from hds_bot.bot import Settings, build_index, building
from hds_bot.bot.building import gather, no_progress
from hds_bot.bot.serving import serving_folder
from hds_bot.corpus import reading
from hds_bot.index import Entry, Index, Revision

PRACTICE = (
    "Cabinet de kiné, les dossiers patients sont dans un logiciel en ligne : faut-il un hébergeur HDS ?"
)
QUESTIONS, REBUILDS, THREADS = 1000, 50, 4


def write_note(folder: Path, name: str, *sections: str, title: str = "Note") -> None:
    body = "\n\n".join(f"## Partie {number}\n\n{text}" for number, text in enumerate(sections))
    (folder / f"{name}.md").write_text(f"---\ntitle: {title}\n---\n\n{body}\n", "utf-8")


def generation_files(index: Path) -> dict[str, bytes]:
    with Index.open(index) as opened:
        files = (path for path in opened.path.rglob("*") if path.is_file() and path.name != "manifest.json")
        return {path.relative_to(opened.path).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def built(fake_settings: Settings, fake_encoder: FakeEncoder) -> Settings:
    write_note(
        fake_settings.corpus, "a", "Le premier hébergement.", "Le deuxième point, avec des mots rares."
    )
    write_note(fake_settings.corpus, "m", "Un texte qui reste.", title="Milieu")
    write_note(fake_settings.corpus, "z", "Le dernier texte.", title="Fin")
    build_index(fake_settings)
    fake_encoder.passages.clear()
    return fake_settings


# -- what is not worked out again ---------------------------------------------------------


def test_a_rebuild_gives_the_same_files_as_a_build_from_nothing(built: Settings, tmp_path: Path) -> None:
    write_note(built.corpus, "a", "Le deuxième point, avec des mots neufs.", "Le premier hébergement.")
    write_note(built.corpus, "b", "Un document de plus.", title="Plus")
    (built.corpus / "m.md").unlink()
    assert build_index(built) is not None
    anew = replace(built, index=tmp_path / "anew")
    build_index(anew)
    assert generation_files(built.index) == generation_files(anew.index)


def test_only_the_document_that_changed_is_read_and_encoded(
    built: Settings, fake_encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    call = reading._call
    monkeypatch.setattr(
        reading, "_call", lambda reader, data, path: read.append(path.name) or call(reader, data, path)
    )
    write_note(built.corpus, "a", "Le premier hébergement.", "Tout autre chose.")
    build_index(built)
    assert read == ["a.md"]
    assert [text.rpartition("\n")[2] for text in fake_encoder.passages] == ["Tout autre chose."]


def test_a_document_that_is_renamed_or_moved_keeps_its_vectors(
    built: Settings, fake_encoder: FakeEncoder
) -> None:
    (built.corpus / "sous").mkdir()
    (built.corpus / "a.md").rename(built.corpus / "sous" / "autre.md")
    report = build_index(built)
    assert report is not None
    assert report.encoded == 0
    assert fake_encoder.passages == []


def test_a_document_that_is_gone_is_found_no_more(built: Settings) -> None:
    bot = HdsBot(built)
    assert bot.search("mots rares", documents=["a"])
    (built.corpus / "a.md").unlink()
    build_index(built)
    assert all(hit.passage.document != "a" for hit in bot.search("mots rares", k=50))


def test_documents_without_a_passage_are_kept_through_a_rebuild(built: Settings, tmp_path: Path) -> None:
    (built.corpus / "vide.md").write_text("---\ntitle: Vide\n---\n\n# Vide\n\n## Rien encore\n", "utf-8")
    build_index(built)
    write_note(built.corpus, "a", "Un seul point.")
    build_index(built)
    anew = replace(built, index=tmp_path / "anew")
    build_index(anew)
    assert generation_files(built.index) == generation_files(anew.index)


def test_passages_of_a_revision_are_those_of_the_index_that_it_makes(built: Settings) -> None:
    write_note(built.corpus, "b", "Un document de plus.", title="Plus")
    with Index.open(built.index) as before:
        material = gather(built, before, keep_going=False, progress=no_progress)
        assert isinstance(material.passages, Revision)
        taken = [part.id for part in material.passages.parts if isinstance(part, Entry)]
        revised = list(material.passages)
        assert revised == [material.passages[at] for at in range(len(revised))]
        assert revised[-3:] == material.passages[-3:]
    assert taken == ["a", "m", GUIDANCE, "z"]
    build_index(built)
    with Index.open(built.index) as index:
        assert revised == list(index.passages(range(len(revised))))


def test_a_build_that_another_one_overtakes_begins_again_from_the_new_index(
    built: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_note(built.corpus, "a", "Le premier hébergement, revu.")

    def overtaken(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(building, "gather", gather)
        material = gather(*arguments, **options)
        write_note(built.corpus, "n", "Venu entre-temps.")
        assert build_index(built) is not None
        return material

    monkeypatch.setattr(building, "gather", overtaken)
    build_index(built)
    anew = replace(built, index=tmp_path / "anew")
    build_index(anew)
    assert generation_files(built.index) == generation_files(anew.index)


def test_a_build_removes_the_light_forms_of_other_encoders_but_nothing_behind_a_link(
    built: Settings, tmp_path: Path
) -> None:
    used, old = serving_folder(built), built.index / "encoder" / "0123456789abcdef"
    for folder in (used, old, tmp_path / "shared"):
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"weights")
    (used.parent / "link").symlink_to(tmp_path / "shared")
    assert build_index(built) is None
    assert old.exists()
    write_note(built.corpus, "a", "Le premier hébergement, revu.")
    assert build_index(built) is not None
    assert (used.exists(), old.exists()) == (True, False)
    assert (tmp_path / "shared" / "model.onnx").exists()


def test_a_document_left_out_does_not_make_an_index_stale(built: Settings) -> None:
    (built.corpus / "bad.md").write_bytes(b"\xff\xfe\x00binary\x00\x01")
    assert build_index(built, keep_going=True) is not None
    assert build_index(built) is None
    assert build_index(built, keep_going=True) is None


def test_a_forced_build_reads_every_document(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    call = reading._call
    monkeypatch.setattr(
        reading, "_call", lambda reader, data, path: read.append(path.name) or call(reader, data, path)
    )
    assert build_index(built, force=True) is not None
    assert len(read) == 4


def test_an_answer_names_publisher_and_date_of_what_it_cites(built: Settings) -> None:
    path = next(path for path in built.corpus.glob("qui-*.md"))
    path.write_text(
        path.read_text("utf-8").replace("---\n", "---\npublisher: ANS\ndate: 2024-05\n", 1), "utf-8"
    )
    build_index(built)
    cited = HdsBot(built).ask("Une clinique doit-elle prendre un hébergeur HDS ?").passages
    assert {(one.publisher, one.date) for one in cited if one.passage.document == path.stem} == {
        ("ANS", "2024-05")
    }


# -- while it is being asked --------------------------------------------------------------


class Askers:
    """Threads that ask and search one bot until they are told that the builds are over."""

    def __init__(self, bot: HdsBot) -> None:
        self.bot, self.over = bot, threading.Event()
        self.asked, self.failures = 0, list[BaseException]()
        self.provenances, self.mixed = set[tuple[str, str]](), list[set[str]]()
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        while not self.over.is_set() or self.asked < QUESTIONS:
            try:
                self._ask()
            except Exception as error:
                self.failures.append(error)
                return

    def _ask(self) -> None:
        provenance = self.bot.ask(PRACTICE).provenance
        versions = {hit.passage.text.split()[-1] for hit in self.bot.search("marqueur", documents=["marque"])}
        with self._counting:
            self.asked += 2
            self.provenances.add((provenance.corpus, provenance.index))
            self.mixed += [versions] if len(versions) != 1 else []


@pytest.mark.slow
def test_a_thousand_questions_while_the_index_is_rebuilt_fifty_times(fake_settings: Settings) -> None:
    published = set()

    def rebuild(version: int) -> None:
        write_note(fake_settings.corpus, "marque", *[f"Marqueur {n}, version v{version}" for n in range(5)])
        report = build_index(fake_settings)
        assert report is not None
        published.add((report.manifest.corpus_sha256, report.manifest.content))

    rebuild(0)
    askers = Askers(HdsBot(fake_settings))
    askers.start()
    try:
        for version in range(1, REBUILDS + 1):
            rebuild(version)
    finally:
        askers.finish()
    assert (askers.failures, askers.mixed) == ([], [])
    assert askers.asked >= QUESTIONS
    assert askers.provenances <= published
    assert len(askers.provenances) > 5
    assert {hit.passage.text.split()[-1] for hit in askers.bot.search("marqueur", documents=["marque"])} == {
        f"v{REBUILDS}"
    }
    assert len(list((fake_settings.index / "generations").iterdir())) == 1
    assert {path.name for path in fake_settings.index.iterdir()} == {
        "CURRENT", "LOCK", "generations", "last-diff.json",
    }  # fmt: skip
    assert _held_though_deleted(fake_settings.index) == []


def _held_though_deleted(folder: Path) -> list[str]:
    """Files of old generations that this process still keeps open, and so on disk."""
    if sys.platform != "linux":
        return []
    gc.collect()
    held = (_target(Path("/proc/self/fd") / name) for name in os.listdir("/proc/self/fd"))
    return [path for path in held if path.startswith(str(folder)) and path.endswith(" (deleted)")]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
