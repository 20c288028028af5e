"""The front door: what it exports, what importing it costs, and that the documented examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hds_bot
from hds_bot import Verdict

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "embedding.md").read_text("utf-8"), re.DOTALL)


def test_all_names_what_can_be_imported() -> None:
    assert sorted(hds_bot.__all__) == hds_bot.__all__
    assert all(getattr(hds_bot, name) is not None for name in hds_bot.__all__)
    assert set(hds_bot.__all__) <= set(dir(hds_bot))


def test_every_public_name_is_in_all() -> None:
    tables = {name for name in vars(hds_bot) if not name.startswith("_")}
    modules = {name for name in tables if f"hds_bot.{name}" in sys.modules}
    helpers = {"annotations", "import_module", "os", "Any", "TYPE_CHECKING"}
    assert tables - modules - helpers <= set(hds_bot.__all__)


def test_a_name_that_isnt_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = hds_bot.nonsense


def test_the_version_is_the_package_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert hds_bot.__version__ == project["version"]


def test_importing_the_package_imports_the_standard_library_alone() -> None:
    script = "import sys; import hds_bot; print(*{name.split('.')[0] for name in sys.modules})"
    imported = set(run_python("-c", script).split()) - sys.stdlib_module_names - {"__main__"}
    assert {name for name in imported if not name.startswith("_")} == {"hds_bot"}


def test_the_documented_examples_run_and_print_what_they_promise(
    index_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HDS_BOT_INDEX", str(index_folder))
    script = "\n".join(EXAMPLES)
    (tmp_path / "examples.py").write_text(script, "utf-8")
    promised = re.findall(r"^print\(answer\.verdict\) +# (\w+)$", script, re.MULTILINE)
    printed = run_python(str(tmp_path / "examples.py")).splitlines()
    assert len(promised) >= 4
    assert [line for line in printed if line in set(Verdict)] == promised


def test_answering_leaves_nothing_behind_that_counts_its_uses(index_folder: Path, tmp_path: Path) -> None:
    """onnxruntime keeps such counts in the user's cache, and sends them, unless it is told not to."""
    script = f"import hds_bot; hds_bot.HdsBot.load(index={str(index_folder)!r}).ask('Hôpital, HDS ?')"
    run_python("-c", script, env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name]


def run_python(*arguments: str, env: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-X", "utf8", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True, env=env
    )
    return done.stdout
