"""What a question costs, cold and warm; writes the first table of docs/performance.md.

    uv run python benchmarks/asking.py [--runs 5] [--rounds 3]

Cold: process start to printed answer, the index built, against the same through sentence-transformers and
against bare imports, in turn. Warm: every development question of one turn, whole and as the encoder's forward
pass alone, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = ROOT / "tests" / "data" / "eval" / "questions.jsonl"
ASK = ("-m", "hds_bot", "ask", "Un cabinet de kinésithérapie doit-il prendre un hébergeur HDS ?")
IMPORTS = ("-c", "import onnxruntime, tokenizers, faiss, numpy")
LIMIT_MB = 600


# -- cold ---------------------------------------------------------------------------------


def cold(root: Path, runs: int) -> dict[str, list[float]]:
    """Seconds of each way, and the light one's peak memory in megabytes; nothing heavy is loaded here.

    An index without the compiled encoder beside it is served through sentence-transformers.
    """
    _run(("-m", "hds_bot", "index", "build"), root / "light")
    shutil.copytree(root / "light", root / "reference", ignore=shutil.ignore_patterns("encoder"))
    ways = {"light": (ASK, "light"), "reference": (ASK, "reference"), "imports": (IMPORTS, "light")}
    took: dict[str, list[float]] = {name: [] for name in (*ways, "peak")}
    for number in range(runs + 1):
        for name, (command, index) in ways.items():
            seconds, peak = _run(command, root / index)
            # The first round only fills the file cache.
            if number:
                took[name].append(seconds)
                took["peak"] += [peak] if name == "light" else []
    return took


def _run(arguments: Sequence[str], index: Path) -> tuple[float, float]:
    environment = {**os.environ, "HDS_BOT_INDEX": str(index), "HF_HUB_OFFLINE": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], env=environment, cwd=ROOT, **quiet) as process:
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed")
    return took, usage.ru_maxrss / 1024


# -- warm ---------------------------------------------------------------------------------


def warm(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each question, whole and its forward pass alone; the process's peak memory."""
    from hds_bot import HdsBot

    bot = HdsBot.load()
    turns = [json.loads(line)["turns"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    single = [turn for turn in turns if len(turn) == 1]
    ways = {"whole": bot.ask, "encoder": bot.snapshot.encoder.encode_queries}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in single[:20]:
        bot.ask(turn)
    for number in range(rounds):
        for place, turn in enumerate(single):
            # Who comes second finds the caches warm: each does, every other time.
            for name in sorted(ways, reverse=bool((number + place) % 2)):
                start = time.perf_counter()
                ways[name](turn)
                took[name].append(1e3 * (time.perf_counter() - start))
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return {**took, "peak": [int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")]}


# -- the table ----------------------------------------------------------------------------


def table(cold: Mapping[str, list[float]], warm: Mapping[str, list[float]]) -> str:
    light, reference, imports = (statistics.median(cold[name]) for name in ("light", "reference", "imports"))
    whole, encoder = (statistics.median(warm[name]) for name in ("whole", "encoder"))
    last, last_encoder = (statistics.quantiles(warm[name], n=100)[98] for name in ("whole", "encoder"))
    rows = (
        (
            "cold `hds-bot ask`, process start to printed answer",
            f"{light:.2f} s",
            f"{1.5 * imports + 1:.2f} s",
        ),
        ('`python -c "import onnxruntime, tokenizers, faiss, numpy"`', f"{imports:.2f} s", "–"),
        ("the same `ask` through sentence-transformers", f"{reference:.1f} s", f"{6 * light:.1f} s or more"),
        ("how many times as long that is", f"{reference / light:.1f}", "6 or more"),
        ("peak memory of the cold `ask`", f"{max(cold['peak']):.0f} MB", f"{LIMIT_MB} MB"),
        ("warm question, everything included, median", f"{whole:.1f} ms", f"{1.25 * encoder:.1f} ms"),
        ("the encoder's forward pass alone, median", f"{encoder:.1f} ms", "–"),
        ("how many times that a question takes, median", f"{whole / encoder:.2f}", "1.25"),
        ("warm question, 99th percentile", f"{last:.1f} ms", f"{1.25 * last_encoder:.1f} ms"),
        ("forward pass, 99th percentile", f"{last_encoder:.1f} ms", "–"),
        ("peak memory of a process that answered them all", f"{max(warm['peak']):.0f} MB", f"{LIMIT_MB} MB"),
    )
    lines = [
        "| what | measured | asked for |",
        "| --- | ---: | ---: |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    said = f"{len(cold['light'])} cold runs of each way, medians; {len(warm['whole'])} warm questions"
    return "\n".join((*lines, "", f"{said}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}."))


def write(text: str) -> None:
    """Put the table into the page, between its marks."""
    page = ROOT / "docs" / "performance.md"
    before, mark, rest = page.read_text(encoding="utf-8").partition("<!-- asking -->\n")
    after = rest.partition("<!-- end -->")
    page.write_text("".join((before, mark, text, "\n", *after[1:])), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="cold starts of each way")
    parser.add_argument("--rounds", type=int, default=3, help="times that every question is asked")
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.warm:
        print(json.dumps(warm(options.rounds)))
        return
    with tempfile.TemporaryDirectory() as folder:
        started = cold(Path(folder), options.runs)
        command = [sys.executable, __file__, "--warm", "--rounds", str(options.rounds)]
        environment = {**os.environ, "HDS_BOT_INDEX": f"{folder}/light"}
        asked = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    text = table(started, json.loads(asked.stdout))
    write(text)
    print(text)


if __name__ == "__main__":
    main()
