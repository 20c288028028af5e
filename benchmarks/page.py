"""How fast the page answers: first after a start, one person, twenty people. `python benchmarks/page.py`

Speaks Streamlit's own protocol over websockets, so that no browser takes its share of the cores: an answer is
timed from the request to the end of the page's run, everything that the page shows included. Where other
programs use the machine too, the processor time tells more than the seconds.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "hds_bot" / "interfaces" / "page" / "app.py"
QUESTIONS = ROOT / "tests" / "data" / "eval" / "questions.jsonl"
PEOPLE, EACH, PAUSE = 20, 6, (2.0, 6.0)


def main() -> None:
    """Print seconds: median, 95th percentile, longest."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    flags = [f"--server.port={port}", "--server.headless=true"]
    command = [sys.executable, "-m", "streamlit", "run", str(SCRIPT), *flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ) as server:
        try:
            _wait(f"http://localhost:{port}/_stcore/health")
            asyncio.run(_measure(f"ws://localhost:{port}/_stcore/stream", server.pid))
        finally:
            server.terminate()


async def _measure(address: str, server: int) -> None:
    asked = [json.loads(line)["turns"] for line in QUESTIONS.read_text("utf-8").splitlines()]
    questions = itertools.cycle(random.Random(1).sample(asked, len(asked)))
    async with connect(address, max_size=None) as first:
        began = time.perf_counter()
        await _run(first, [])
        print(f"empty page, just started:     {time.perf_counter() - began:.2f} s")
        print(f"first answer after the start: {await _timed(first, next(questions)):.2f} s")
        busy = _busy(server)
        _tell("one person", [await _timed(first, next(questions)) for _ in range(30)])
        print(f"processor time of one answer: {(_busy(server) - busy) / 30:.2f} s")
    people = [_person(address, [next(questions) for _ in range(EACH)]) for _ in range(PEOPLE)]
    _tell(
        f"{PEOPLE} people, {PAUSE[0]:.0f}-{PAUSE[1]:.0f} s between questions",
        itertools.chain(*await asyncio.gather(*people)),
    )
    crowd = [_person(address, [next(questions)], pause=(1.0, 1.0)) for _ in range(PEOPLE)]
    _tell(f"{PEOPLE} people in the same instant", itertools.chain(*await asyncio.gather(*crowd)))


async def _person(
    address: str, questions: list[list[str]], pause: tuple[float, float] = PAUSE
) -> list[float]:
    took = []
    async with connect(address, max_size=None) as connection:
        await _run(connection, [])
        for turns in questions:
            await asyncio.sleep(random.uniform(*pause))
            took.append(await _timed(connection, turns))
    return took


async def _timed(connection: ClientConnection, turns: list[str]) -> float:
    began = time.perf_counter()
    shown = await _run(connection, turns)
    if "hds-answer" not in shown:
        raise RuntimeError(f"no answer to {turns}")
    return time.perf_counter() - began


async def _run(connection: ClientConnection, turns: list[str]) -> str:
    """Ask for one run of the page; gives the HTML that it shows."""
    request = BackMsg()
    request.rerun_script.query_string = urlencode([("q", turn) for turn in turns])
    await connection.send(request.SerializeToString())
    shown = ""
    while True:
        message = ForwardMsg.FromString(await connection.recv())
        shown += message.delta.new_element.html.body
        # A run that is begun anew, because the language changed, ends with another code.
        done = message.WhichOneof("type") == "script_finished"
        if done and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return shown


def _busy(process: int) -> float:
    """Seconds of processor time that a process has had (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tell(what: str, took: Iterable[float]) -> None:
    seconds = sorted(took)
    middle, late = (seconds[int(len(seconds) * share)] for share in (0.5, 0.95))
    print(f"{what} ({len(seconds)}): median {middle:.2f} s, 95 % {late:.2f} s, longest {seconds[-1]:.2f} s")


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


if __name__ == "__main__":
    main()
