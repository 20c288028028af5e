"""Answers a second, median and 99th percentile of `hds-bot serve` on this machine's loopback, for 1 and 2 workers.

    uv run python benchmarks/http_load.py [--seconds 15] [--clients 4]

Bounded: one process of clients, a few seconds a round. The index has to be built.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time

import httpx

PORT = 8831
QUESTIONS = (
    "Une clinique doit-elle prendre un hébergeur HDS ?",
    "Je suis infirmier libéral, me faut-il un hébergeur HDS ?",
    "Do we need HDS hosting for a proof of concept with real patient data?",
)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=15)
    options.add_argument("--clients", type=int, default=4)
    given = options.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the first round")
    print("| workers | answers a second | median, ms | 99th percentile, ms |\n| --- | --- | --- | --- |")
    for workers in (1, 2):
        took = sorted(load(workers, given.clients, given.seconds))
        median, last = statistics.median(took), took[int(0.99 * len(took))]
        rate = len(took) / given.seconds
        print(f"| {workers} | {rate:.0f} | {1000 * median:.0f} | {1000 * last:.0f} |")


def load(workers: int, clients: int, seconds: float) -> list[float]:
    """Seconds of each answer while so many clients ask one question after another."""
    command = [sys.executable, "-m", "hds_bot", "serve", "--port", str(PORT), "--workers", str(workers)]
    took: list[float] = []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_ready()
            stop = time.monotonic() + seconds
            threads = [threading.Thread(target=ask, args=(place, stop, took)) for place in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            server.terminate()
    return took


def wait_until_ready() -> None:
    for _ in range(300):
        try:
            httpx.get(f"http://127.0.0.1:{PORT}/ready").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            # The other workers open the index too.
            time.sleep(3)
            return
    raise TimeoutError("the service did not come up")


def ask(place: int, stop: float, took: list[float]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60) as client:
        while time.monotonic() < stop:
            started = time.perf_counter()
            client.post("/v1/ask", json={"turns": [QUESTIONS[place % 3]]}).raise_for_status()
            took.append(time.perf_counter() - started)
            place += 1


if __name__ == "__main__":
    main()
