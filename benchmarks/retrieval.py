"""Quality of search: the guidance's own questions, an outside benchmark, and both corpora in one index.

    uv run python benchmarks/retrieval.py --work FOLDER [--cdtn FOLDER]

Without `--cdtn` (documents, searches and labels as that folder's README describes them) the guidance alone is
measured. All that is encoded is kept in `--work`: with the outside benchmark a first run takes about an hour of one
core, a further one some minutes. Intervals are of 95 %, by paired bootstrap. Prints Markdown.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import ir_measures
import numpy as np
from ir_measures import RR, R, Success, nDCG

from hds_bot import HdsBot, corpus, encoder, facts, retrieval
from hds_bot.bot import Settings, build_index
from hds_bot.facts import Reading
from hds_bot.interfaces.evaluation import Labelled, read_labelled
from hds_bot.retrieval import Retriever
from hds_bot.stores import FolderStore
from hds_bot.types import Encoder, FloatArray, Hit, Passage, Progress, Verdict

ROOT = Path(__file__).parents[1]
BLIND = ("blind", "blind_by_rules")
"""What nothing was learnt from."""
SETS = {
    "development": ROOT / "tests/data/eval/questions.jsonl",
    **{name: ROOT / f"benchmarks/questions/{name}.jsonl" for name in ("tuning", "aside", "opened", *BLIND)},
}
RESAMPLES = 10_000
DEEP = 200
"""Passages of a search that documents are ranked by."""

Run = dict[str, list[str]]
"""Query -> what was found, best first."""
Labels = dict[str, set[str]]
"""Query -> what answers it."""
Values = dict[str, dict[str, float]]
"""Measure -> query or topic -> value."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True, help="where vectors and indexes are kept")
    parser.add_argument("--cdtn", type=Path, help="folder of the outside benchmark")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    inner, vectors = open_default(options.work / "encoder"), options.work / "vectors.sqlite"
    guidance = Guidance(options.work, Readings(inner, vectors))
    report_guidance(guidance)
    if options.cdtn:
        outside = Outside(options.cdtn, options.work, KeptVectors(inner, vectors))
        report_outside(outside)
        report_mixed(guidance, outside)


def open_default(folder: Path) -> Encoder:
    if not encoder.serving_available(folder):
        encoder.compile_serving(folder)
    return encoder.open_serving(folder)


class KeptVectors:
    """The default encoder, with every vector that it ever gave kept in a file."""

    def __init__(self, inner: Encoder, path: Path) -> None:
        self._inner, self.identity, self.dimension = inner, inner.identity, inner.dimension
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"
        )

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return self._rows("query", texts, self._inner.encode_queries)

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        rows = self._rows("passage", texts, self._inner.encode_passages)
        if progress:
            progress(len(texts), len(texts))
        return rows

    def _rows(self, role: str, texts: Sequence[str], encode: Callable[[list[str]], FloatArray]) -> FloatArray:
        keys = [hashlib.blake2b(f"{role}\0{text}".encode(), digest_size=16).digest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if self._row(key) is None}
        for start in range(0, len(new), 64):
            part = dict(list(new.items())[start : start + 64])
            rows = (row.tobytes() for row in encode(list(part.values())))
            self._database.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?)", zip(part, rows, strict=True)
            )
        return np.array([np.frombuffer(self._row(key) or b"", np.float32) for key in keys])

    def _row(self, key: bytes) -> bytes | None:
        found = self._database.execute("SELECT vector FROM vectors WHERE key = ?", [key]).fetchone()
        return found and found[0]


class Readings(KeptVectors):
    """The same with the states that the trained reader reads; each question is read once a run."""

    def __init__(self, inner: Encoder, path: Path) -> None:
        super().__init__(inner, path)
        self._read = cache(lambda text: inner.read_queries([text]))

    def read_queries(self, texts: Sequence[str]) -> tuple[FloatArray, tuple[FloatArray, ...]]:
        read = [self._read(text) for text in texts]
        return np.concatenate([vectors for vectors, _ in read]), tuple(states[0] for _, states in read)


# -- the guidance's own questions ---------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """A labelled question as search gets it, its turns joined, and what is read of it."""

    id: str
    set: str
    labelled: Labelled
    text: str
    reading: Reading


class Guidance:
    """The corpus of this repository in an index, and every labelled question."""

    def __init__(self, work: Path, kept: Readings) -> None:
        self.work, self.kept = work, kept
        self.documents = corpus.read_corpus(ROOT / "corpus").documents
        self.passages = [passage for document in self.documents for passage in corpus.split(document)]
        HdsBot.build(corpus=ROOT / "corpus", index=work / "guidance", encoder=kept)
        self.bot = HdsBot.load(index=work / "guidance", encoder=kept)
        questions = [self._question(name, one) for name, path in SETS.items() for one in read_labelled(path)]
        self.strangers = [q for q in questions if q.labelled.verdict == Verdict.HORS_PERIMETRE]
        self.questions = [q for q in questions if q.labelled.verdict != Verdict.HORS_PERIMETRE]

    def _question(self, name: str, labelled: Labelled) -> Question:
        text = "\n".join(labelled.turns)
        reading = self.bot.snapshot.read([text])
        return Question(f"{name}/{labelled.id}", name, labelled, text, reading)

    def labels(self, passages: Iterable[Passage]) -> Labels:
        """The passages that hold a quote of each question."""
        folded = {passage.id: corpus.fold(passage.text) for passage in passages}
        return {
            q.id: {
                key for key, text in folded.items() if any(corpus.fold(w) in text for w in q.labelled.quotes)
            }
            for q in self.questions
        }

    def run(
        self,
        retriever: Retriever,
        *,
        expanded: bool = True,
        topics: Mapping[str, Sequence[str]] | None = None,
        **options: object,
    ) -> Run:
        """Search for every question; `topics` are the names of parts of the guidance, the likeliest first."""
        return {
            q.id: [
                hit.passage.id
                for hit in retriever.search(
                    q.reading.relevant,
                    10,
                    vector=q.reading.vector,
                    expand=q.reading.expansion if expanded else (),
                    likely=self._likely(topics[q.id] if topics else ()),
                    **options,
                )
            ]
            for q in self.questions
        }

    def _likely(self, topics: Iterable[str]) -> list[Passage]:
        return [self.bot.snapshot.place(*facts.anchor(topic)).passage for topic in topics]

    def index(self, name: str, passages: Sequence[Passage]) -> Retriever:
        """Index other passages of the same documents."""
        store = FolderStore(self.work / name)
        rows = self.kept.encode_passages([passage.indexed_text for passage in passages])
        with store.build() as draft:
            draft.write(self.documents, passages, rows)
            draft.publish(version=name, encoder=self.kept.identity, corpus_sha256="", settings={})
        return Retriever.open(store, self.kept)


def report_guidance(guidance: Guidance) -> None:
    values = guidance_values(guidance)
    ids = [q.id for q in guidance.questions]
    halves = dict(zip(ids, (number % 2 for number in range(len(ids))), strict=True))
    groups = {
        "one half": [i for i in ids if not halves[i]],
        "other half": [i for i in ids if halves[i]],
        "of it French": [q.id for q in guidance.questions if halves[q.id] and q.labelled.lang == "fr"],
        "of it English": [q.id for q in guidance.questions if halves[q.id] and q.labelled.lang == "en"],
        "blind": [q.id for q in guidance.questions if q.set in BLIND],
    }
    print(f"\n### The guidance's own questions: {len(ids)}, of {len(guidance.passages)} passages\n")
    print(f"First 1 / 3 / 5, % ({', '.join(f'{name}: {len(of)}' for name, of in groups.items())})\n")
    print_table(
        ["", *groups],
        [[name, *(first_few(one, of) for of in groups.values())] for name, one in values.items()],
    )
    print("\nFirst three, blind:\n")
    print_steps(
        {name: only(one["Success@3"], groups["blind"]) for name, one in values.items()},
        STEPS["guidance"],
    )
    report_silence(guidance)


def guidance_values(guidance: Guidance) -> dict[str, Values]:
    """Every way to search that is compared, each line a step from the one before."""
    ours, ships = guidance.passages, guidance.bot.snapshot.retriever
    bare = guidance.index("bare", [replace(passage, context="") for passage in ours])
    finer = [p for document in guidance.documents for p in corpus.split(document, max_chars=300)]
    shipped = {q.id: q.reading.topics for q in guidance.questions}
    labels = guidance.labels(ours)
    runs = {
        "dense, text alone": guidance.run(bare, weight=1.0),
        "dense, headings before the text": guidance.run(ships, weight=1.0),
        "dense, best sentence or bullet": best_units(guidance),
        "words, text alone": guidance.run(bare, weight=0.0, expanded=False),
        "words, headings before the text": guidance.run(ships, weight=0.0, expanded=False),
        "words, expanded": guidance.run(ships, weight=0.0),
        "fused, dense 0.4": guidance.run(ships, weight=0.4),
        "fused, dense 0.5": guidance.run(ships),
        "fused, dense 0.6": guidance.run(ships, weight=0.6),
        "fused, topics as shipped": guidance.run(ships, topics=shipped),
    }
    values = {name: measure(run, labels, MEASURES["guidance"]) for name, run in runs.items()}
    fine = guidance.run(guidance.index("finer", finer))
    return values | {
        "fused, passages of 300 characters": measure(fine, guidance.labels(finer), MEASURES["guidance"])
    }


def best_units(guidance: Guidance) -> Run:
    """Rank passages by their nearest sentence or bullet, each encoded with its last heading."""
    units = [
        (passage.id, "\n".join((*passage.section[-1:], unit)))
        for passage in guidance.passages
        for unit in re.split(r"(?<=[.!?])\s+|\n+", passage.text)
    ]
    rows = guidance.kept.encode_passages([text for _, text in units])
    found = {}
    for question in guidance.questions:
        order = np.argsort(-(rows @ question.reading.vector), kind="stable")
        found[question.id] = list(dict.fromkeys(units[at][0] for at in order))
    return found


def report_silence(guidance: Guidance) -> None:
    for name, questions in (
        ("of the guidance", guidance.questions),
        ("about something else", guidance.strangers),
    ):
        silent = sum(not guidance.bot.search(q.text, 1) for q in questions)
        print(f"\nQuestions {name} that search finds nothing for: {silent} of {len(questions)}.")


# -- the outside benchmark ----------------------------------------------------------------


class Outside:
    """Documents written out as files and indexed as any corpus is; searches with the documents that answer."""

    def __init__(self, source: Path, work: Path, kept: KeptVectors) -> None:
        self.work, self.kept = work, kept
        self.documents = {row["id"]: row["text"] for row in rows_of(source / "corpus.jsonl.gz")}
        self.sample = json.loads(gzip.decompress((source / "sample_ids.json.gz").read_bytes()))["ids"]
        queries = list(rows_of(source / "queries.jsonl.gz"))
        self.queries = {row["id"]: row["text"] for row in queries}
        self.topics = {row["id"]: row["topic"] for row in queries}
        self.labels: Labels = defaultdict(set)
        for row in rows_of(source / "qrels.jsonl.gz"):
            self.labels[row["query"]].add(row["doc"])

    def index(self, name: str, documents: Iterable[str], beside: Path | None = None) -> Settings:
        """Write documents as text files, title in a side file, beside those of a folder; index them."""
        folder = self.work / name / "corpus"
        for document in documents:
            title, _, body = self.documents[document].partition("\n")
            write(folder / f"{document}.txt", body.replace("\n", "\n\n"))
            write(folder / f"{document}.meta.yaml", f"title: {json.dumps(title, ensure_ascii=False)}\n")
        for path in beside.iterdir() if beside else ():
            write(folder / path.name, path.read_text(encoding="utf-8"))
        settings = Settings.resolve(corpus=folder, index=self.work / name / "index", encoder=self.kept)
        build_index(settings)
        return settings

    def run(self, find: Callable[[str], Sequence[Hit]]) -> Run:
        """Rank documents by their best passage."""
        return {
            query: list(dict.fromkeys(hit.passage.document for hit in find(text)))
            for query, text in self.queries.items()
        }

    def measure(self, run: Run) -> Values:
        """Average over the wordings of a topic."""
        values = measure(run, self.labels, MEASURES["outside"])
        return {name: mean_by(one, self.topics) for name, one in values.items()}


def report_outside(outside: Outside) -> None:
    values = outside_values(outside)
    topics = sorted(set(outside.topics.values()))
    print(
        f"\n### Outside: {len(outside.sample)} documents, {len(outside.queries)} searches, {len(topics)} topics\n"
    )
    names = list(MEASURES["outside"])
    print_table(
        ["", *names, "nDCG@10, one half", "nDCG@10, other half"],
        [
            [name, *(percent(one[measure].values()) for measure in names)]
            + [percent(only(one["nDCG@10"], half).values()) for half in (topics[::2], topics[1::2])]
            for name, one in values.items()
        ],
    )
    print("\nnDCG@10:\n")
    print_steps({name: one["nDCG@10"] for name, one in values.items()}, STEPS["outside"])


def outside_values(outside: Outside) -> dict[str, Values]:
    settings = outside.index("sample", outside.sample)
    bot = HdsBot(settings)
    search = bot.snapshot.retriever.search
    with patch.object(retrieval, "COMPANY", 0.0):
        alone = {
            "dense": outside.run(lambda text: search(text, DEEP, weight=1.0)),
            "words": outside.run(lambda text: search(text, DEEP, weight=0.0)),
            "fused, dense 0.5": outside.run(lambda text: search(text, DEEP)),
        }
    further = {
        "and the second-best passage": outside.run(lambda text: search(text, DEEP)),
        "the same, dense 0.4": outside.run(lambda text: search(text, DEEP, weight=0.4)),
        "the same, dense 0.6": outside.run(lambda text: search(text, DEEP, weight=0.6)),
        "as shipped (`HdsBot.search`)": outside.run(lambda text: bot.search(text, DEEP)),
    }
    return {name: outside.measure(run) for name, run in (alone | further).items()}


# -- both in one index --------------------------------------------------------------------


def report_mixed(guidance: Guidance, outside: Outside) -> None:
    articles = [name for name in outside.documents if name.startswith("cdt/")]
    settings = outside.index("mixed", articles, beside=ROOT / "corpus")
    bot = HdsBot(replace(settings, encoder=guidance.kept))
    only_guidance = {"documents": [document.id for document in guidance.documents]}
    runs = {
        "the guidance alone": searched(guidance, guidance.bot),
        "with the articles": searched(guidance, bot),
        "with the articles, restricted to it": searched(guidance, bot, **only_guidance),
    }
    labels = guidance.labels(guidance.passages)
    values = {name: measure(run, labels, MEASURES["guidance"]) for name, run in runs.items()}
    print(f"\n### The guidance with {len(articles)} labour-law articles in one index\n")
    ids = [q.id for q in guidance.questions]
    blind = [q.id for q in guidance.questions if q.set in BLIND]
    print_table(
        ["first 1 / 3 / 5, %", "all", "blind"],
        [[name, first_few(one, ids), first_few(one, blind)] for name, one in values.items()],
    )
    for name in ("Success@3", "Success@5"):
        print(f"\n{name}:\n")
        print_steps({way: one[name] for way, one in values.items()}, STEPS["mixed"])
    report_intrusion(outside, bot, only_guidance["documents"])


def searched(guidance: Guidance, bot: HdsBot, **options: object) -> Run:
    return {q.id: [hit.passage.id for hit in bot.search(q.text, 10, **options)] for q in guidance.questions}


def report_intrusion(outside: Outside, bot: HdsBot, documents: Sequence[str]) -> None:
    """Tell how often a search about labour law brings up the guidance: one wording a topic."""
    first = {topic: outside.queries[query] for query, topic in reversed(outside.topics.items())}
    for name, share in (("with", retrieval.LIKELY), ("without", 0.0)):
        with patch.object(retrieval, "LIKELY", share):
            found = [
                [hit.passage.document in documents for hit in bot.search(text, 5)] for text in first.values()
            ]
        print(
            f"\nOf {len(found)} labour-law searches, {name} topics the guidance comes first for "
            f"{sum(one[0] for one in found if one)}, among the first five for {sum(map(any, found))}."
        )


# -- measures -----------------------------------------------------------------------------

MEASURES: dict[str, dict[str, ir_measures.Measure]] = {
    "guidance": {"Success@1": Success @ 1, "Success@3": Success @ 3, "Success@5": Success @ 5},
    "outside": {"nDCG@10": nDCG @ 10, "R@10": R @ 10, "R@100": R @ 100, "RR@10": RR @ 10},
}
STEPS = {
    "guidance": [
        ("dense, headings before the text", "dense, text alone"),
        ("dense, best sentence or bullet", "dense, headings before the text"),
        ("words, headings before the text", "words, text alone"),
        ("words, expanded", "words, headings before the text"),
        ("fused, dense 0.5", "dense, headings before the text"),
        ("fused, dense 0.5", "words, expanded"),
        ("fused, dense 0.6", "fused, dense 0.5"),
        ("fused, passages of 300 characters", "fused, dense 0.5"),
        ("fused, topics as shipped", "fused, dense 0.5"),
    ],
    "outside": [
        ("fused, dense 0.5", "words"),
        ("fused, dense 0.5", "dense"),
        ("and the second-best passage", "fused, dense 0.5"),
        ("the same, dense 0.4", "and the second-best passage"),
        ("the same, dense 0.6", "and the second-best passage"),
        ("as shipped (`HdsBot.search`)", "and the second-best passage"),
    ],
    "mixed": [
        ("with the articles", "the guidance alone"),
        ("with the articles, restricted to it", "the guidance alone"),
    ],
}


def measure(run: Run, labels: Labels, measures: Mapping[str, ir_measures.Measure]) -> Values:
    """Measure -> query -> value; what found nothing counts 0."""
    wanted = {query: dict.fromkeys(labels[query], 1) for query in run}
    scores = {query: {one: -float(rank) for rank, one in enumerate(found)} for query, found in run.items()}
    names = {str(one): name for name, one in measures.items()}
    values: Values = {name: dict.fromkeys(run, 0.0) for name in measures}
    for value in ir_measures.iter_calc(measures.values(), wanted, scores):
        values[names[str(value.measure)]][value.query_id] = value.value
    return values


def mean_by(values: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, float]:
    of = defaultdict(list)
    for query, value in values.items():
        of[groups[query]].append(value)
    return {group: float(np.mean(some)) for group, some in of.items()}


def interval(after: Mapping[str, float], before: Mapping[str, float]) -> tuple[float, float, float]:
    """Mean difference in points, and where 95 % of the resampled means lie."""
    difference = 100 * np.array([after[key] - before[key] for key in before])
    draws = np.random.default_rng(0).integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)


# -- files and tables ---------------------------------------------------------------------


def rows_of(path: Path) -> Iterable[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def write(path: Path, text: str) -> None:
    """Write a file unless it is there, so that its time of change stays."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def only(values: Mapping[str, float], keys: Iterable[str]) -> dict[str, float]:
    return {key: values[key] for key in keys}


def percent(values: Iterable[float]) -> str:
    return f"{100 * np.mean(list(values)):.1f}"


def first_few(values: Values, ids: Sequence[str]) -> str:
    return " / ".join(percent(only(one, ids).values()) for one in values.values())


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
        print(f"| {' | '.join(row)} |", flush=True)


def print_steps(values: Mapping[str, Mapping[str, float]], steps: Iterable[tuple[str, str]]) -> None:
    rows = []
    for after, before in steps:
        mean, low, high = interval(values[after], values[before])
        rows.append([after, before, f"{mean:+.1f}", f"{low:+.1f} … {high:+.1f}"])
    print_table(["step", "from", "points", "95 %"], rows)


if __name__ == "__main__":
    main()
