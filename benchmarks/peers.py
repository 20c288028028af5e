"""The guidance searched through hds-bot and through what one would pick instead, with the same weights.

    uv run python benchmarks/peers.py [--runs 5] [--rounds 3] [--headings]

Writes the table of docs/performance.md. Each system runs in processes of its own, its packages brought by
`uv run --with`; the systems take turns at every build, every start and every question. All get the same
passages, questions and weights (the sentence-transformers folder that hds-bot writes; hds-bot itself serves
their compiled form). Nothing but the package index is reached.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = ROOT / "tests" / "data" / "eval" / "questions.jsonl"
FIRST = 3
FIRST_QUESTION = "Un cabinet de kinésithérapie doit-il prendre un hébergeur HDS ?"
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "PYTHONWARNINGS": "ignore",
    "PYTHONIOENCODING": "utf-8",
}


# -- the systems, each as its own documentation has it ------------------------------------


class LangChain:
    """HuggingFace embeddings in a FAISS vector store."""

    def __init__(self, folder: Path, model: str) -> None:
        from langchain_community.vectorstores import FAISS

        self.store = FAISS.load_local(
            str(folder), self.embeddings(model), allow_dangerous_deserialization=True
        )

    @staticmethod
    def embeddings(model: str) -> Any:
        from langchain_huggingface import HuggingFaceEmbeddings

        return HuggingFaceEmbeddings(
            model_name=model,
            encode_kwargs={"prompt_name": "passage", "normalize_embeddings": True},
            query_encode_kwargs={"prompt_name": "query", "normalize_embeddings": True},
        )

    @classmethod
    def build(cls, folder: Path, model: str, texts: Sequence[str]) -> None:
        from langchain_community.vectorstores import FAISS

        places = [{"place": place} for place in range(len(texts))]
        FAISS.from_texts(list(texts), cls.embeddings(model), places).save_local(str(folder))

    def search(self, turns: Sequence[str]) -> list[int]:
        return [found.metadata["place"] for found in self.store.similarity_search("\n".join(turns), k=FIRST)]


class Txtai:
    """Its own hybrid of FAISS and BM25."""

    def __init__(self, folder: Path, _model: str) -> None:
        from txtai import Embeddings

        self.embeddings = Embeddings()
        self.embeddings.load(str(folder))

    @classmethod
    def build(cls, folder: Path, model: str, texts: Sequence[str]) -> None:
        from txtai import Embeddings

        instructions = {"query": "query: ", "data": "passage: "}
        embeddings = Embeddings(path=model, hybrid=True, instructions=instructions)
        embeddings.index(enumerate(texts))
        embeddings.save(str(folder))

    def search(self, turns: Sequence[str]) -> list[int]:
        return [int(place) for place, _ in self.embeddings.search("\n".join(turns), FIRST)]


class Haystack:
    """Its BM25 and embedding retrievers over the store in memory, joined by reciprocal rank."""

    def __init__(self, folder: Path, model: str) -> None:
        from haystack import Pipeline
        from haystack.components.joiners import DocumentJoiner
        from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersTextEmbedder,
        )

        store = InMemoryDocumentStore.load_from_disk(str(folder / "store.json"))
        embedder = SentenceTransformersTextEmbedder(
            model=model, prefix="query: ", normalize_embeddings=True, progress_bar=False
        )
        self.pipeline = Pipeline()
        self.pipeline.add_component("embedder", embedder)
        self.pipeline.add_component("dense", InMemoryEmbeddingRetriever(store))
        self.pipeline.add_component("words", InMemoryBM25Retriever(store))
        self.pipeline.add_component("join", DocumentJoiner("reciprocal_rank_fusion", top_k=FIRST))
        self.pipeline.connect("embedder.embedding", "dense.query_embedding")
        self.pipeline.connect("dense", "join")
        self.pipeline.connect("words", "join")

    @classmethod
    def build(cls, folder: Path, model: str, texts: Sequence[str]) -> None:
        from haystack import Document
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
        )

        embedder = SentenceTransformersDocumentEmbedder(
            model=model, prefix="passage: ", normalize_embeddings=True, progress_bar=False
        )
        embedder.warm_up()
        documents = [Document(content=text, meta={"place": place}) for place, text in enumerate(texts)]
        store = InMemoryDocumentStore()
        store.write_documents(embedder.run(documents)["documents"])
        folder.mkdir()
        store.save_to_disk(str(folder / "store.json"))

    def search(self, turns: Sequence[str]) -> list[int]:
        question = "\n".join(turns)
        found = self.pipeline.run({"embedder": {"text": question}, "words": {"query": question}})
        return [document.meta["place"] for document in found["join"]["documents"]]


class Search:
    """hds-bot: passages, without a verdict."""

    def __init__(self, folder: Path, _model: str) -> None:
        from hds_bot import HdsBot

        self.bot = HdsBot.load(index=folder)
        self.places = {passage.id: place for place, passage in enumerate(passages_of(self.bot))}

    def search(self, turns: Sequence[str]) -> list[int]:
        return [self.places[hit.passage.id] for hit in self.bot.search("\n".join(turns), k=FIRST)]


class Ask(Search):
    """hds-bot: the whole answer, verdict, rule, trace and what is missing."""

    def search(self, turns: Sequence[str]) -> list[int]:
        return [self.places[cited.passage.id] for cited in self.bot.ask(turns).passages[:FIRST]]


def passages_of(bot: Any) -> list[Any]:
    return [
        passage for entry in bot.documents() for passage in bot.snapshot.retriever.index.passages_of(entry.id)
    ]


@dataclass
class System:
    """A system, what it needs, and what was measured of it."""

    name: str
    adapter: Any
    requirements: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    python: str = sys.executable
    versions: str = ""
    build: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    peak: float = 0.0
    first: dict[str, float] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return issubclass(self.adapter, Search)


SYSTEMS = (
    System("hds-bot search", Search, shown=("hds-bot", "onnxruntime")),
    System("hds-bot ask", Ask, shown=("hds-bot", "onnxruntime")),
    System(
        "LangChain, FAISS",
        LangChain,
        (
            "langchain-community>=0.4,<0.5",
            "langchain-huggingface>=1.2,<2",
            "sentence-transformers>=5.1,<7",
            "faiss-cpu>=1.12,<2",
        ),
        ("langchain-community", "langchain-huggingface", "sentence-transformers", "faiss-cpu"),
    ),
    System("txtai, hybrid", Txtai, ("txtai>=9,<10",), ("txtai", "transformers", "torch")),
    System(
        "Haystack, BM25 and embeddings",
        Haystack,
        ("haystack-ai>=3,<4", "sentence-transformers-haystack>=2,<3"),
        ("haystack-ai", "sentence-transformers-haystack", "sentence-transformers"),
    ),
)


# -- one step, in a process of its own ----------------------------------------------------


def step(options: argparse.Namespace) -> None:
    """Keep an environment alive, build, print the first passage found, or serve questions line by line."""
    system = next(system for system in SYSTEMS if system.name == options.system)
    texts = json.loads(options.texts.read_text(encoding="utf-8")) if options.texts else []
    if options.step == "keep":
        tell(
            {
                "python": sys.executable,
                "versions": ", ".join(f"{name} {version(name)}" for name in system.shown),
            }
        )
        sys.stdin.read()
    elif options.step == "build":
        system.adapter.build(options.folder, options.model, texts)
    elif options.step == "cold":
        tell(texts[system.adapter(options.folder, options.model).search([FIRST_QUESTION])[0]])
    else:
        serve(system.adapter(options.folder, options.model))


def serve(adapter: Any) -> None:
    for line in sys.stdin:
        start = time.perf_counter()
        found = adapter.search(json.loads(line))
        tell({"ms": 1e3 * (time.perf_counter() - start), "found": found, "peak": peak()})


def peak() -> float:
    """Peak resident megabytes of this very process; getrusage would count its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def tell(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


# -- all of them, in turn -----------------------------------------------------------------


class Bench:
    """Runs steps of systems in a folder of its own."""

    def __init__(self, root: Path, questions: Path) -> None:
        from hds_bot import HdsBot
        from hds_bot.encoder.reference import default_cache, prepare

        self.root = root
        rows = map(json.loads, questions.read_text(encoding="utf-8").splitlines())
        self.questions = [row for row in rows if row["quotes"]]
        self.model = str(prepare(default_cache()))
        self.passages = passages_of(HdsBot.build(corpus=ROOT / "corpus", index=root / "passages"))
        self.write("text", [passage.text for passage in self.passages])
        self.write("indexed", [passage.indexed_text for passage in self.passages])

    def write(self, material: str, texts: Sequence[str]) -> None:
        (self.root / f"{material}.json").write_text(json.dumps(texts), encoding="utf-8")

    def folder(self, system: System, material: str) -> Path:
        return self.root / ("hds-bot" if system.ours else f"{system.adapter.__name__}-{material}")

    def command(self, system: System, taken: str, material: str = "text") -> list[str]:
        given = {
            "--step": taken,
            "--system": system.name,
            "--model": self.model,
            "--folder": str(self.folder(system, material)),
            "--texts": str(self.root / f"{material}.json"),
        }
        return [system.python, __file__, *(word for pair in given.items() for word in pair)]

    def environment(self, system: System) -> dict[str, str]:
        here = {"HDS_BOT_INDEX": str(self.root / "hds-bot"), "HDS_BOT_CORPUS": str(ROOT / "corpus")}
        return {**os.environ, **QUIET, **(here if system.ours else {})}

    def build(self, system: System, material: str = "text") -> float:
        """Seconds of the whole process that reads the passages, encodes them and writes the index."""
        command = self.command(system, "build", material)
        if system.ours:
            command = [system.python, "-m", "hds_bot", "index", "build"]
        subprocess.run(["rm", "-rf", str(self.folder(system, material))], check=True)
        start = time.perf_counter()
        done = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, env=self.environment(system), **done)
        return time.perf_counter() - start

    def cold(self, system: System) -> float:
        """Seconds from the start of a process to the first line that it prints."""
        command = self.command(system, "cold")
        if system.ours:
            command = [system.python, "-m", "hds_bot", system.adapter.__name__.lower(), FIRST_QUESTION]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        start = time.perf_counter()
        with subprocess.Popen(command, env=self.environment(system), **pipes) as process:
            line = process.stdout.readline() if process.stdout else b""
            took = time.perf_counter() - start
            process.communicate()
        if not line.strip() or process.returncode:
            raise RuntimeError(f"{system.name} printed nothing")
        return took

    @contextmanager
    def serving(self, system: System, material: str) -> Iterator[subprocess.Popen[str]]:
        command, environment = self.command(system, "serve", material), self.environment(system)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, text=True, encoding="utf-8", **pipes) as process:
            try:
                yield process
            finally:
                process.communicate()

    def holds(self, found: Sequence[int], quotes: Sequence[str]) -> bool:
        """Tell whether one of the passages holds one of the quotes."""
        from hds_bot.corpus.quotes import fold

        texts = [fold(self.passages[place].text) for place in found[:FIRST]]
        return any(fold(quote) in text for quote in quotes for text in texts)


@contextmanager
def environment_of(system: System) -> Iterator[None]:
    """Bring a system's packages, for as long as its interpreter is used."""
    withs = [word for requirement in system.requirements for word in ("--with", requirement)]
    start = ["uv", "run", "--no-project", "--python", sys.executable, *withs, "python"]
    command = [*(start if withs else [sys.executable]), __file__, "--step", "keep", "--system", system.name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # What is used is compiled by the first start, which doesn't count; all would take minutes.
    environment = {**os.environ, "UV_COMPILE_BYTECODE": "0"}
    with subprocess.Popen(command, env=environment, **pipes) as keeper:
        told = json.loads(keeper.stdout.readline())
        system.python, system.versions = told["python"], told["versions"]
        try:
            yield
        finally:
            keeper.communicate()


def measure(bench: Bench, runs: int, rounds: int, materials: Sequence[str]) -> None:
    """Builds, starts, then questions: the systems always in turn."""
    for _ in range(runs):
        for system in SYSTEMS:
            if system.adapter is not Ask:
                system.build.append(bench.build(system))
    for _ in range(runs):
        for system in SYSTEMS:
            system.cold.append(bench.cold(system))
    for material in materials:
        for system in SYSTEMS:
            if not system.ours and material != "text":
                bench.build(system, material)
        ask(bench, material, rounds if material == "text" else 1)


def ask(bench: Bench, material: str, rounds: int) -> None:
    """Ask every question that has quotes, each system in turn, and keep what they took and found."""
    rows = bench.questions
    with ExitStack() as stack:
        servers = [(system, stack.enter_context(bench.serving(system, material))) for system in SYSTEMS]
        told = {system.name: [_ask(server, rows[0]) for _ in range(5)] for system, server in servers}
        for system, _ in servers:
            told[system.name].clear()
            system.warm.clear()
        for number in range(rounds * len(rows)):
            row, turn = rows[number % len(rows)], number % len(servers)
            for system, server in servers[turn:] + servers[:turn]:
                told[system.name].append(_ask(server, row))
    for system in SYSTEMS:
        answers = told[system.name]
        system.warm = [answer["ms"] for answer in answers]
        system.peak = answers[-1]["peak"]
        held = [
            bench.holds(answer["found"], row["quotes"]) for answer, row in zip(answers, rows, strict=False)
        ]
        system.first[material] = sum(held) / len(rows)


def _ask(server: Any, row: dict[str, Any]) -> dict[str, Any]:
    server.stdin.write(json.dumps(row["turns"]) + "\n")
    server.stdin.flush()
    answer: dict[str, Any] = json.loads(server.stdout.readline())
    return answer


# -- the table ----------------------------------------------------------------------------


def table() -> str:
    head = (
        "system | start to first result | build | warm question, median | 99th percentile | peak memory"
        " | quote in first three, of text alone | of text with headings"
    )
    lines = [f"| {head} |", f"| --- |{' ---: |' * head.count('|')}"]
    for system in SYSTEMS:
        build = f"{median(system.build):.1f} s" if system.build else "as above"
        times = f"{median(system.warm):.1f} ms | {quantiles(system.warm, n=100)[98]:.1f} ms"
        shares = " | ".join(_share(system, material) for material in ("text", "indexed"))
        line = f"{median(system.cold):.2f} s | {build} | {times} | {system.peak:.0f} MB | {shares}"
        lines.append(f"| {system.name} | {line} |")
    return "\n".join(lines)


def _share(system: System, material: str) -> str:
    """hds-bot knows no passages without headings."""
    if system.ours:
        return f"{system.first['text']:.1%}" if material == "indexed" else "–"
    return f"{system.first[material]:.1%}" if material in system.first else "–"


def described(bench: Bench, runs: int) -> str:
    rounds = len(SYSTEMS[0].warm) // len(bench.questions)
    seen = dict.fromkeys(system.versions for system in SYSTEMS)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(line.split(": ")[1] for line in lines if line.startswith("model name")).strip()
    return (
        f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}; "
        f"{len(bench.passages)} passages, {len(bench.questions)} questions, each {rounds} times, "
        f"{runs} builds and starts, medians. {'; '.join(seen)}."
    )


def write(text: str) -> None:
    """Put the table into the page, between its marks."""
    page = ROOT / "docs" / "performance.md"
    before, mark, rest = page.read_text(encoding="utf-8").partition("<!-- peers -->\n")
    after = rest.partition("<!-- end -->")
    page.write_text("".join((before, mark, text, "\n", *after[1:])), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="builds and cold starts of each system")
    parser.add_argument("--rounds", type=int, default=3, help="times that every question is asked")
    parser.add_argument("--step", choices=("keep", "build", "cold", "serve"), help=argparse.SUPPRESS)
    for name in ("--system", "--model"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--folder", "--texts"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="labelled questions, as JSON lines")
    parser.add_argument("--headings", action="store_true", help="give the others headings as well")
    options = parser.parse_args()
    if options.step:
        step(options)
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as environments:
        for system in SYSTEMS:
            environments.enter_context(environment_of(system))
        bench = Bench(Path(folder), options.questions)
        # Last the plain texts: their times and memory are the ones that are kept.
        materials = ("indexed", "text") if options.headings else ("text",)
        measure(bench, options.runs, options.rounds, materials)
        text = f"{table()}\n\n{described(bench, options.runs)}"
    write(text)
    print(text)


if __name__ == "__main__":
    main()
