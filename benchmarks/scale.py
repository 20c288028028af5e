"""Cost against size, 50 to 1 000 000 passages; writes docs/scale.json, the table of docs/scale.md, docs/scale.svg.

    uv run --with matplotlib python benchmarks/scale.py [--sizes 50 500 …]

Sizes that are left out keep the lines they have.

Vectors are drawn around one common direction, spread as multilingual-e5-small spreads its own. Texts are
stretches of the guidance, two words in five replaced, by frequency, out of 200 000: the guidance's own stay
in most passages, which is harder for BM25 than a real corpus of that size. Building and serving run in
processes of their own; of three servers the fastest counts. A question's time is all of `Retriever.search`
but the encoder; the first, which finds how near noise comes, stands by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from hds_bot import lexical
from hds_bot.index import store, vectors, writer
from hds_bot.retrieval import Retriever
from hds_bot.stores import FolderStore
from hds_bot.types import Document, FloatArray, Passage, Progress

ROOT = Path(__file__).resolve().parents[1]
SIZES = (50, 500, 5_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
DIMENSION = 384
PASSAGES_A_DOCUMENT = 50
QUESTIONS = 300
VOCABULARY = 200_000
REPLACED = 0.4
COMMON = 0.917
"""Length of the mean of unit vectors: how far all texts lie in one direction."""


# -- drawn material -----------------------------------------------------------------------


def draw_vectors(count: int, *, corpus: int, seed: int) -> FloatArray:
    """Unit vectors around a common direction; half of what differs is their topic's, twenty passages a topic.

    The common part and the variance along 383 axes are those measured on multilingual-e5-small.
    """
    axes = np.arange(DIMENSION - 1)
    variance = np.exp(-axes / 100) * (1 + axes / 3) ** -0.8
    scale = np.sqrt(variance / variance.sum() * (1 - COMMON**2) / 2).astype(np.float32)
    topics = np.random.default_rng(0).standard_normal((corpus // 20 + 1, len(axes)), dtype=np.float32)
    draw = np.random.default_rng(seed)
    rows = np.full((count, DIMENSION), COMMON, dtype=np.float32)
    for part in np.array_split(rows, count // 50_000 + 1):
        own = draw.standard_normal((len(part), len(axes)), dtype=np.float32)
        part[:, 1:] = (topics[draw.integers(len(topics), size=len(part))] + own) * scale
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def draw_texts(count: int, *, seed: int) -> Iterator[str]:
    """Stretches of the guidance of up to 60 words, two in five replaced."""
    draw = np.random.default_rng(seed)
    sources = sorted((ROOT / "corpus").glob("*.md"))
    words = [word for source in sources for word in source.read_text(encoding="utf-8").split()]
    vocabulary = [_word(number) for number in range(VOCABULARY)]
    for _ in range(count):
        start = int(draw.integers(len(words) - 60))
        text = words[start : start + int(draw.integers(10, 61))]
        ranks = np.minimum(draw.zipf(1.2, size=len(text)), VOCABULARY) - 1
        kept = draw.random(len(text)) >= REPLACED
        yield " ".join(
            old if keep else vocabulary[rank] for old, keep, rank in zip(text, kept, ranks, strict=True)
        )


def _word(number: int) -> str:
    """A pronounceable word of its own for each number."""
    syllables = [
        consonant + vowel for consonant in "bcdfglmnprstv" for vowel in ("a", "e", "i", "o", "ou", "an")
    ]
    word, number = "", number + 100
    while number:
        number, rest = divmod(number, len(syllables))
        word += syllables[rest]
    return word


def draw_corpus(count: int) -> tuple[list[Document], list[Passage]]:
    """Documents of fifty passages, whose texts are left out: nothing here reads them."""
    texts = list(draw_texts(count, seed=1))
    names = [f"document/{number}" for number in range(-(-count // PASSAGES_A_DOCUMENT))]
    passages = [
        Passage(f"{at:016x}", names[at // PASSAGES_A_DOCUMENT], "Titre", ("Titre",), text, 0, len(text))
        for at, text in enumerate(texts)
    ]
    return [Document(name, "Titre", "") for name in names], passages


class DrawnEncoder:
    """Gives each question the next drawn vector, at no cost."""

    identity = "drawn"
    dimension = DIMENSION

    def __init__(self, corpus: int) -> None:
        self.rows = draw_vectors(QUESTIONS, corpus=corpus, seed=3)
        self._next = 0

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Give the next rows, round and round."""
        self._next += len(texts)
        return self.rows[np.arange(self._next - len(texts), self._next) % len(self.rows)]

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        """Never called: passages have drawn vectors."""
        raise NotImplementedError


# -- one size, in two processes -----------------------------------------------------------


def build(root: Path, count: int) -> dict[str, Any]:
    """Build, timing each stage; leave the true neighbours of the questions beside the index."""
    documents, passages = draw_corpus(count)
    rows = draw_vectors(count, corpus=count, seed=2)
    before = _peak()
    took: dict[str, float] = {}
    with (
        timed(took, vectors, "write_vectors"),
        timed(took, store, "write_store"),
        timed(took, lexical, "build"),
        FolderStore(root).build() as draft,
    ):
        draft.write(documents, passages, rows)
        with timed(took, writer.IndexWriter, "publish"):
            manifest = draft.publish(version="", encoder="drawn", corpus_sha256="", settings={})
    peak = _peak()
    _, nearest = faiss.knn(DrawnEncoder(count).rows, rows, min(10, count), metric=faiss.METRIC_INNER_PRODUCT)
    np.save(root / "nearest.npy", nearest)
    size = sum(seal.bytes for seal in manifest.files.values())
    return {**took, "index_mb": size / 1e6, "peak_mb": peak, "drawn_mb": before}


@contextmanager
def timed(took: dict[str, float], owner: Any, name: str) -> Iterator[None]:
    """Add up the seconds spent in a function of a module or class."""
    inner = getattr(owner, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return inner(*arguments, **options)
        finally:
            took[name] = took.get(name, 0.0) + time.perf_counter() - start

    setattr(owner, name, timed)
    yield
    setattr(owner, name, inner)


def serve(root: Path, count: int) -> dict[str, Any]:
    """Open and ask, as a server does."""
    encoder, questions = DrawnEncoder(count), list(draw_texts(QUESTIONS, seed=4))
    start, before = time.perf_counter(), _resident()
    retriever = Retriever.open(FolderStore(root), encoder)
    opened = time.perf_counter() - start
    took, worked = [], []
    for question in questions:
        words = " ".join(question.split()[:15])
        start, processor = time.perf_counter(), time.process_time()
        retriever.search(words)
        took.append(time.perf_counter() - start)
        worked.append(time.process_time() - processor)
    nearest = np.load(root / "nearest.npy")
    found = [set(retriever.index.search(row, 10)[1].tolist()) for row in encoder.rows]
    hits = sum(len(ours & set(true.tolist())) for ours, true in zip(found, nearest, strict=True))
    after = _resident()
    return {
        "open_ms": 1e3 * opened,
        "first_ms": 1e3 * took[0],
        "median_ms": 1e3 * float(np.median(took[1:])),
        "p99_ms": 1e3 * float(np.percentile(took[1:], 99)),
        "processor_ms": 1e3 * float(np.median(worked[1:])),
        "processor_p99_ms": 1e3 * float(np.percentile(worked[1:], 99)),
        "recall": hits / nearest.size,
        "anonymous_mb": max(0.0, after["RssAnon"] - before["RssAnon"]),
        "mapped_mb": after["RssFile"] - before["RssFile"],
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident() -> dict[str, float]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}


# -- the table and the plot ---------------------------------------------------------------

COLUMNS = {
    "passages": "passages",
    "write_vectors": "vectors, s",
    "write_store": "passages, s",
    "build": "words, s",
    "publish": "seal and swap, s",
    "peak_mb": "build peak, MB",
    "index_mb": "index, MB",
    "open_ms": "open, ms",
    "anonymous_mb": "resident, MB",
    "mapped_mb": "of files, MB",
    "first_ms": "first, ms",
    "median_ms": "median, ms",
    "p99_ms": "99 %, ms",
    "processor_ms": "of processor, median, ms",
    "processor_p99_ms": "99 %, ms",
    "recall": "recall@10",
}
PLOTTED = {
    "median_ms": "question, median (ms)",
    "p99_ms": "question, 99th percentile (ms)",
    "processor_ms": "question, processor, median (ms)",
    "open_ms": "open (ms)",
    "index_mb": "index (MB)",
    "built_s": "build without encoding (s)",
}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write a Markdown table, a line a size."""
    head = [f"| {' | '.join(COLUMNS.values())} |", f"|{' ---: |' * len(COLUMNS)}"]
    return "\n".join(
        head + [f"| {' | '.join(_shown(name, row[name]) for name in COLUMNS)} |" for row in rows]
    )


def _shown(name: str, value: float) -> str:
    if name == "recall":
        return f"{value:.3f}"
    return f"{value:,.0f}".replace(",", " ") if name == "passages" or value >= 10 else f"{value:.2g}"


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the main costs against size, both axes logarithmic."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, label in PLOTTED.items():
        axes.loglog([row["passages"] for row in rows], [row[name] for row in rows], marker="o", label=label)
    axes.axvline(vectors.EXACT_UP_TO, color="grey", linestyle=":", label="exact search ends")
    axes.set_xlabel("passages")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def measure(count: int) -> dict[str, Any]:
    """Build and serve one size, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        built = _in_a_process("build", folder, count)
        served = min(
            (_in_a_process("serve", folder, count) for _ in range(3)), key=lambda run: run["median_ms"]
        )
    stages = ("write_vectors", "write_store", "build", "publish")
    return {"passages": count, **built, **served, "built_s": sum(built[stage] for stage in stages)}


def _in_a_process(step: str, folder: str, count: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--step", step, "--root", folder, "--sizes", str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def machine() -> str:
    """Name what it was measured on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    packages = ", ".join(f"{module.__name__} {module.__version__}" for module in (faiss, np))
    return f"{model.strip()}, {os.cpu_count()} cores; Python {platform.python_version()}, {packages}"


def main() -> None:
    """Measure every size and write the table and the plot, or take one step of one size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--step", choices=("build", "serve"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step = {"build": build, "serve": serve}[options.step]
        print(json.dumps(step(options.root, options.sizes[0])))
    else:
        for count in options.sizes:
            keep(measure(count))


def keep(row: dict[str, Any]) -> None:
    """Put a size's line among those that are kept, and write table and plot anew."""
    kept = ROOT / "docs" / "scale.json"
    rows = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    rows = [other for other in rows if other["passages"] != row["passages"]] + [row]
    rows.sort(key=lambda row: row["passages"])
    kept.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    write(rows)


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Put the table into the page, between its marks, and the plot beside it."""
    page = ROOT / "docs" / "scale.md"
    before, start, rest = page.read_text(encoding="utf-8").partition("<!-- table -->\n")
    after = rest.partition("<!-- end -->")
    page.write_text(
        "".join((before, start, table(rows), f"\n\n{machine()}.\n", *after[1:])), encoding="utf-8"
    )
    plot(rows, page.with_suffix(".svg"))


if __name__ == "__main__":
    main()
