"""Builds that are killed, run out of disk or lack rights: the old index answers on, the next build mends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from index_builds import build, folders, word_of

from hds_bot.errors import IndexBusy
from hds_bot.index import Index

PROGRAM = Path(__file__).with_name("index_faults.py")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals, limits and rights")


def run(name: str, folder: Path, *prefix: str) -> list[dict[str, Any]]:
    """Run a faulty build in a process of its own; give the trials that it reports."""
    command = [*prefix, sys.executable, os.fspath(PROGRAM), name, os.fspath(folder)]
    # Forked children hang where FAISS has threads in their parent.
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_build_killed_at_any_step_leaves_the_old_index_or_the_new_one_whole(tmp_path: Path) -> None:
    trials = run("killed", tmp_path)
    assert len(trials) > 40
    assert all(trial["status"] == -9 and trial["mended"] for trial in trials)
    seen = [trial["seen"] for trial in trials]
    assert seen == sorted(seen, key=["old", "new"].index)
    assert set(seen) == {"old", "new"}


@pytest.mark.slow
def test_a_first_build_killed_at_any_step_leaves_nothing_or_a_whole_index(tmp_path: Path) -> None:
    trials = run("killed_first", tmp_path)
    assert len(trials) > 40
    assert all(trial["status"] == -9 and trial["mended"] for trial in trials)
    seen = [trial["seen"] for trial in trials]
    assert seen == sorted(seen, key=["nothing", "new"].index)
    assert set(seen) == {"nothing", "new"}


def assert_told(trials: list[dict[str, Any]], kind: str = "IndexError_", step: str = "free space") -> None:
    """Each failure is of one kind, tells the next step, and changed nothing."""
    for trial in trials:
        assert trial["left"] == "as it was", trial
        assert trial["kind"] == kind, trial
        assert step in trial["told"], trial


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs Linux name spaces for a small file system")
def test_a_full_disk_is_told_and_leaves_the_old_index_as_it_was(tmp_path: Path) -> None:
    small = f"mount -t tmpfs -o size=600k tmpfs {tmp_path}"
    trials = run(
        "full_disk",
        tmp_path,
        "unshare",
        "--mount",
        "--map-root-user",
        "sh",
        "-c",
        small + ' && exec "$@"',
        "-",
    )
    assert len(trials) > 5
    assert_told(trials)


def test_a_file_that_may_not_grow_is_told_and_leaves_the_old_index_as_it_was(tmp_path: Path) -> None:
    trials = run("file_size_limit", tmp_path)
    assert len(trials) > 20
    assert_told(trials)


def test_missing_rights_are_told_and_leave_the_old_index_as_it_was() -> None:
    with tempfile.TemporaryDirectory() as folder:
        trials = run("no_right", Path(folder))
    assert len(trials) == 10
    assert_told(trials[:4], step="write permission")
    assert_told(trials[4:], "IndexDamaged", step="right to read")


def test_a_build_in_another_process_is_waited_for_and_its_death_frees_the_lock(tmp_path: Path) -> None:
    root = tmp_path / "index"
    build(root, word="old")
    with subprocess.Popen(
        [sys.executable, PROGRAM, "hold_the_lock", tmp_path], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        holder = json.loads(other.stdout.readline())["process"]
        with pytest.raises(IndexBusy, match=f"process {holder}"):
            build(root, word="new")
        with Index.open(root, verification="full") as index:
            assert word_of(index) == "old"
        other.kill()
    build(root, word="new")
    with Index.open(root, verification="full") as index:
        assert word_of(index) == "new"
        assert folders(root) == [index.generation]
