"""How long a rebuild takes when nothing, or one document, changed: 2 000 documents, the real encoder.

    python benchmarks/rebuild.py [--documents 2000] [--folder DIR]

The first build gives random vectors under the real encoder's name, since encoding everything is not what is
measured; each rebuild then runs as `hds-bot index build` does, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from hds_bot import encoder as encoders
from hds_bot.bot import Settings, build_index
from hds_bot.bot.serving import compile_if_absent, open_for_build
from hds_bot.types import FloatArray, Progress

GUIDANCE = Path(__file__).parents[1] / "corpus" / "qui-doit-utiliser-un-hebergeur-hds.md"
RUNS = 5
_Result = TypeVar("_Result")


class RandomVectors:
    """Stands in for the encoder while the many documents are indexed first."""

    identity = encoders.identity(encoders.DEFAULT)
    dimension = 384

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        drawn = np.random.default_rng(0).standard_normal((len(texts), self.dimension)).astype(np.float32)
        if progress:
            progress(len(texts), len(texts))
        unit: FloatArray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return unit


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one)))
        return
    with tempfile.TemporaryDirectory() as folder:
        run(options.folder or Path(folder), options.documents)


def run(folder: Path, documents: int) -> None:
    settings = Settings(folder / "corpus", folder / "index", encoders.DEFAULT)
    write_corpus(settings.corpus, documents)
    compile_if_absent(settings)
    seconds, report = timed(lambda: build_index(Settings(settings.corpus, settings.index, RandomVectors())))
    if report:
        print(f"{report.manifest.documents} documents, {report.manifest.passages} passages")
    print(f"first build, without encoding: {seconds:.1f} s")
    figures = [json.loads(child(folder)) for _ in range(RUNS)]
    for name in figures[0]:
        values = sorted(figure[name] for figure in figures)
        print(f"{name}: best {values[0]:.2f}, median {values[len(values) // 2]:.2f}")


def child(folder: Path) -> str:
    command = [sys.executable, __file__, "--one", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def measure(folder: Path) -> dict[str, float]:
    """Wall and processor seconds in a fresh process: nothing changed, then one document."""
    settings = Settings(folder / "corpus", folder / "index", encoders.DEFAULT)
    same, same_processor = timed_both(lambda: build_index(settings))
    path = sorted(settings.corpus.iterdir())[len(list(settings.corpus.iterdir())) // 2]
    path.write_text(path.read_text("utf-8") + f"\n\nUne phrase de plus, {time.time()}.\n", "utf-8")
    with_imports, _ = timed(lambda: __import__("langchain_text_splitters"))
    one, one_processor = timed_both(lambda: build_index(settings))
    encode, encode_processor = timed_both(
        lambda: open_for_build(settings).encode_passages(["Une phrase. " * 40])
    )
    return {
        "nothing changed, wall s": same,
        "nothing changed, processor s": same_processor,
        "loading the splitter, wall s": with_imports,
        "one changed, wall s": one,
        "one changed, processor s": one_processor,
        "of which opening the encoder and encoding, wall s": encode,
        "of which opening the encoder and encoding, processor s": encode_processor,
    }


def write_corpus(folder: Path, documents: int) -> None:
    """Documents of eight sections, four sentences of the guidance each, no two alike."""
    draw = random.Random(0)
    body = GUIDANCE.read_text("utf-8").split("---\n", 2)[2]
    lines = [line.strip() for line in body.splitlines() if len(line) > 20 and not line.startswith("#")]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        sections = (
            f"## Partie {part} du dossier {number}\n\n"
            + "\n\n".join(f"{draw.choice(lines)} (cas {number}-{part}-{line})." for line in range(4))
            for part in range(8)
        )
        text = f"---\ntitle: Dossier {number}\n---\n\n" + "\n\n".join(sections) + "\n"
        (folder / f"d{number:05}.md").write_text(text, "utf-8")


def timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def timed_both(work: Callable[[], object]) -> tuple[float, float]:
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


if __name__ == "__main__":
    main()
