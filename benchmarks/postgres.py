"""What it costs to load passages into PostgreSQL and to search them there; prints a line of a table.

    uv run python benchmarks/postgres.py [--passages 1000000] [--store postgresql://…]

Without `--store` a server of the package pgserver runs for it, as that comes but for the memory that a graph is
built in. Passages, vectors and questions are those of scale.py; encoding is left out. The index that is loaded
replaces the one that the database holds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psycopg

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]

from scale import QUESTIONS, DrawnEncoder, draw_corpus, draw_texts, draw_vectors, timed
from stores import postgres_server

from hds_bot.retrieval import DEPTH, Retriever
from hds_bot.stores.postgres import PostgresStore
from hds_bot.stores.postgres.draft import PostgresDraft

MEMORY = "&options=-c%20maintenance_work_mem%3D2GB"
STAGES = {
    "_copy_rows": "documents, passages, s",
    "_copy_vectors": "vectors, s",
    "_copy_words": "words, s",
    "_index": "indexes, s",
    "publish": "seal and swap, s",
}
COLUMNS = (
    "passages",
    *STAGES.values(),
    "size, MB",
    "open, ms",
    "nearest, ms",
    "words, ms",
    "search, ms",
    "99 %, ms",
    "recall@10",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--passages", type=int, default=100_000)
    options.add_argument("--store", help="address of a database to load into")
    given = options.parse_args()
    with _address(given.store) as address:
        row = {"passages": given.passages, **measure(PostgresStore(address), address, given.passages)}
    print(f"| {' | '.join(COLUMNS)} |\n|{' ---: |' * len(COLUMNS)}")
    print(f"| {' | '.join(_shown(row[name]) for name in COLUMNS)} |")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end", file=sys.stderr)


@contextmanager
def _address(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    with postgres_server() as address:
        yield address + MEMORY


def measure(store: PostgresStore, address: str, count: int) -> dict[str, float]:
    rows = draw_vectors(count, corpus=count, seed=2)
    took = load(store, count, rows)
    encoder = DrawnEncoder(count)
    _, nearest = faiss.knn(encoder.rows, rows, 10, metric=faiss.METRIC_INNER_PRODUCT)
    with psycopg.connect(address) as connection:
        ((size,),) = connection.execute("SELECT pg_database_size(current_database())").fetchall()
    return {**took, "size, MB": size / 1e6, **ask(store, encoder, nearest)}


def load(store: PostgresStore, count: int, rows: Any) -> dict[str, float]:
    """Build, timing each stage."""
    documents, passages = draw_corpus(count)
    took: dict[str, float] = {}
    with ExitStack() as stages, store.build() as draft:
        for stage in STAGES:
            stages.enter_context(timed(took, PostgresDraft, stage))
        draft.write(documents, passages, rows)
        draft.publish(version="", encoder="drawn", corpus_sha256="", settings={})
    return {name: took[stage] for stage, name in STAGES.items()}


def ask(store: PostgresStore, encoder: DrawnEncoder, nearest: Any) -> dict[str, float]:
    """Open and ask, as a server does: each search alone, then both as a question has them."""
    questions = [" ".join(text.split()[:15]) for text in draw_texts(QUESTIONS, seed=4)]
    start = time.perf_counter()
    retriever = Retriever.open(store, encoder)
    opened = time.perf_counter() - start
    with closing(retriever.index) as index:
        found = [index.search(row, 10)[1] for row in encoder.rows]
        hits = [
            len(set(ours.tolist()) & set(true.tolist())) for ours, true in zip(found, nearest, strict=True)
        ]
        dense = _times(lambda at: index.search(encoder.rows[at], DEPTH))
        words = _times(lambda at: index.search_words(questions[at], DEPTH))
        whole = _times(lambda at: retriever.search(questions[at]))
    return {
        "open, ms": 1e3 * opened,
        "nearest, ms": float(np.median(dense)),
        "words, ms": float(np.median(words)),
        "search, ms": float(np.median(whole)),
        "99 %, ms": float(np.percentile(whole, 99)),
        "recall@10": sum(hits) / nearest.size,
    }


def _times(task: Callable[[int], object]) -> list[float]:
    """Milliseconds of a task for each question."""
    took = []
    for at in range(QUESTIONS):
        start = time.perf_counter()
        task(at)
        took.append(1e3 * (time.perf_counter() - start))
    return took


def _shown(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 10 else f"{value:.3g}"


if __name__ == "__main__":
    main()
