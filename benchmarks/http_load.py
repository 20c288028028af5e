"""Answers a second, median and 99th percentile of `hds-bot serve` on this machine's loopback, for 1 and 2 workers.

    uv run --with locust python benchmarks/http_load.py [--seconds 15] [--clients 4]

Bounded: locust without its web page, a few clients for a few seconds a round. The index has to be built, or
named by HDS_BOT_INDEX or HDS_BOT_STORE. A round in which a request fails ends it all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

ADDRESS = "http://127.0.0.1:8831"
USERS = Path(__file__).with_name("locustfile.py")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--seconds", type=int, default=15)
    options.add_argument("--clients", type=int, default=4)
    given = options.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the first round")
    print("| workers | answers a second | median, ms | 99th percentile, ms |\n| --- | --- | --- | --- |")
    for workers in (1, 2):
        with service(workers):
            load(1, 3)
            measured = load(given.clients, given.seconds)
        rate = measured["num_requests"] / (measured["last_request_timestamp"] - measured["start_time"])
        print(f"| {workers} | {rate:.0f} | {percentile(measured, 0.5)} | {percentile(measured, 0.99)} |")


@contextmanager
def service(workers: int) -> Iterator[None]:
    """Run `hds-bot serve` until all that is measured has been."""
    port = ADDRESS.rpartition(":")[2]
    command = [sys.executable, "-m", "hds_bot", "serve", "--port", port, "--workers", str(workers)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_ready()
            yield
        finally:
            server.terminate()


def wait_until_ready() -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{ADDRESS}/ready", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            # The other workers open the index too.
            time.sleep(3)
            return
    raise TimeoutError("the service did not come up")


def load(clients: int, seconds: int) -> dict[str, Any]:
    """Let so many clients ask for so long; give what locust measured."""
    bounds = ["--users", str(clients), "--spawn-rate", str(clients), "--run-time", f"{seconds}s"]
    quiet = ["--headless", "--json", "--loglevel", "WARNING", "--host", ADDRESS]
    command = [sys.executable, "-m", "locust", "--locustfile", str(USERS), *bounds, *quiet]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    (measured,) = json.loads(done.stdout)
    return dict(measured)


def percentile(measured: dict[str, Any], share: float) -> int:
    """Milliseconds within which so large a share of the answers came, as locust rounds them."""
    times = sorted((float(took), count) for took, count in measured["response_times"].items())
    answered = accumulate(count for _, count in times)
    wanted = share * measured["num_requests"]
    return round(next(took for (took, _), count in zip(times, answered, strict=True) if count >= wanted))


if __name__ == "__main__":
    main()
