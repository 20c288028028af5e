"""Watching the corpus: a build when files settle, none while they change, and on after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hds_bot.bot import Settings, build_index, index_state, watch
from hds_bot.corpus import stamp
from hds_bot.errors import CorpusError, IndexBusy
from hds_bot.index import current_generation

SETTLE = 0.2


def eventually(condition: Callable[[], object]) -> bool:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


@contextmanager
def watching(
    settings: Settings, build: Callable[[], object], told: list[str], *, settle: float = SETTLE
) -> Iterator[None]:
    stop = threading.Event()
    options = {"settle": settle, "tell": told.append, "stop": stop}
    thread = threading.Thread(target=watch, args=(build, settings), kwargs=options)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_it_builds_at_once_and_again_when_a_file_changed(fake_settings: Settings) -> None:
    told: list[str] = []
    with watching(fake_settings, lambda: build_index(fake_settings), told):
        assert eventually(lambda: current_generation(fake_settings.index))
        first = current_generation(fake_settings.index)
        (fake_settings.corpus / "ajout.md").write_text("Un paragraphe de plus.", "utf-8")
        assert eventually(lambda: current_generation(fake_settings.index) != first)
    assert index_state(fake_settings).fresh
    assert told == []


def test_it_waits_until_files_hold_still(fake_settings: Settings) -> None:
    builds: list[float] = []
    with watching(fake_settings, lambda: builds.append(time.monotonic()), [], settle=1.0):
        assert eventually(lambda: builds)
        for number in range(15):
            (fake_settings.corpus / "ajout.md").write_text("a" * (number + 1), "utf-8")
            last = time.monotonic()
            time.sleep(0.1)
        assert eventually(lambda: len(builds) == 2)
    assert len(builds) == 2
    assert builds[1] > last


def test_nothing_is_built_while_nothing_changes(fake_settings: Settings) -> None:
    builds: list[str] = []
    with watching(fake_settings, lambda: builds.append(""), []):
        assert eventually(lambda: builds)
        time.sleep(5 * SETTLE)
    assert len(builds) == 1


def test_a_failure_is_told_and_the_next_change_is_built(fake_settings: Settings) -> None:
    build_index(fake_settings)
    first, told = current_generation(fake_settings.index), list[str]()
    bad = fake_settings.corpus / "bad.md"
    bad.write_bytes(b"\xff\xfe\x00binary\x00\x01")
    with watching(fake_settings, lambda: build_index(fake_settings), told):
        assert eventually(lambda: told)
        assert current_generation(fake_settings.index) == first
        bad.write_text("Un texte que l'on peut lire.", "utf-8")
        assert eventually(lambda: current_generation(fake_settings.index) != first)
    assert [message.splitlines()[0].partition(": ")[0] for message in told] == [str(bad)]


def test_a_build_that_finds_another_under_way_is_tried_again(fake_settings: Settings) -> None:
    tries: list[str] = []

    def build() -> None:
        tries.append("")
        if len(tries) < 3:
            raise IndexBusy("another build is under way")

    told: list[str] = []
    with watching(fake_settings, build, told):
        assert eventually(lambda: len(tries) == 3)
        time.sleep(3 * SETTLE)
    assert (len(tries), told) == (3, [])


def test_a_folder_that_goes_and_comes_back_is_built_again(fake_settings: Settings) -> None:
    told: list[str] = []
    away = fake_settings.corpus.with_name("away")
    with watching(fake_settings, lambda: build_index(fake_settings), told):
        assert eventually(lambda: current_generation(fake_settings.index))
        first = current_generation(fake_settings.index)
        fake_settings.corpus.rename(away)
        assert eventually(lambda: told)
        (away / "ajout.md").write_text("Un paragraphe de plus.", "utf-8")
        away.rename(fake_settings.corpus)
        assert eventually(lambda: current_generation(fake_settings.index) != first)
    assert "no such folder" in told[0]


def test_a_stamp_tells_a_change_of_size_time_and_name_and_ignores_hidden_files(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("a", "utf-8")
    stamps = [stamp(tmp_path)]
    path.write_text("aa", "utf-8")
    stamps.append(stamp(tmp_path))
    path.rename(path := tmp_path / "b.md")
    stamps.append(stamp(tmp_path))
    (tmp_path / ".hidden.swp").write_text("a", "utf-8")
    assert len(set(stamps)) == 3
    assert stamp(tmp_path) == stamps[-1]
    with pytest.raises(CorpusError, match="no such folder"):
        stamp(tmp_path / "nowhere")
