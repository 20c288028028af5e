"""A warm question against the encoder's own forward pass, over the development questions.

    uv run python benchmarks/asking.py

Prints the median and the 99th percentile of both, in milliseconds, and the process's resident memory.
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from pathlib import Path

from hds_bot import HdsBot

QUESTIONS = Path(__file__).parents[1] / "tests" / "data" / "eval" / "questions.jsonl"


def main() -> None:
    bot = HdsBot.load()
    turns = [json.loads(line)["turns"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    single = [turn for turn in turns if len(turn) == 1]
    encoder = bot.snapshot.encoder
    for turn in single[:10]:
        bot.ask(turn)
    tell("encoder's forward pass", [timed(encoder.encode_queries, turn) for turn in single])
    tell("whole question", [timed(bot.ask, turn) for turn in single])
    print(f"resident memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def timed(call, turn) -> float:
    started = time.perf_counter()
    call(turn)
    return 1000 * (time.perf_counter() - started)


def tell(name: str, times: list[float]) -> None:
    last = statistics.quantiles(times, n=100)[98]
    print(
        f"{name}: median {statistics.median(times):.1f} ms, 99th percentile {last:.1f} ms, {len(times)} questions"
    )


if __name__ == "__main__":
    main()
