"""Serving against reference encoder: cold start, warm query, passages per second, peak memory.

    uv run python benchmarks/encoder.py [--runs 3]

Each figure comes from processes of its own, the forms in turn; medians. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from statistics import median

QUESTION = "Cabinet de kiné, dossiers patients dans un logiciel en ligne : faut-il un hébergeur HDS ?"
PASSAGE = (
    "Toute personne qui héberge des données de santé à caractère personnel recueillies à l'occasion "
    "d'activités de prévention, de diagnostic ou de soins doit être certifiée à cet effet (règle {}), "
    "quel que soit le support, et en informer les personnes concernées."
)
# In a process of its own: a child's peak memory counts from its parent's.
PREPARE = """
import sys
from pathlib import Path
from hds_bot.encoder import compile_serving
from hds_bot.encoder.reference import default_cache, prepare
prepare(default_cache())
compile_serving(Path(sys.argv[2]))
"""
COLD = """
import resource, sys, time
from pathlib import Path
from hds_bot.encoder import open_serving, reference_encoder
encoder = open_serving(Path(sys.argv[2])) if sys.argv[1] == "serving" else reference_encoder()
encoder.encode_queries([sys.argv[3]])
print(time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
WARM = """
import json, resource, sys, time
from pathlib import Path
from hds_bot.encoder import open_serving, reference_encoder
encoder = open_serving(Path(sys.argv[2])) if sys.argv[1] == "serving" else reference_encoder()
passages = json.loads(sys.argv[4])
def clock(task):
    start = time.perf_counter(); task(); return time.perf_counter() - start
for _ in range(10):
    encoder.encode_queries([sys.argv[3]])
queries = sorted(clock(lambda: encoder.encode_queries([sys.argv[3]])) for _ in range(100))
rate = len(passages) / clock(lambda: encoder.encode_passages(passages))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(queries[50] * 1000, queries[98] * 1000, rate, peak)
"""
IMPORTS = "import onnxruntime, tokenizers, numpy, time; print(time.time(), 0)"


def main() -> None:
    """Measure both forms in turn and print the table."""
    runs = _arguments().runs
    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/serving"
        _python(PREPARE, "both", target)
        rows = _measure(target, runs)
        bare = median(_cold("imports", target)[0] for _ in range(runs))
    print(f"{_machine()}; {runs} runs, medians.\n")
    print("| form | start to first vector | peak then | warm query | 99th percentile | passages | peak |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for form, (cold, small, middle, slow, rate, peak) in rows.items():
        print(
            f"| {form} | {cold:.2f} s | {small:.0f} MB | {middle:.1f} ms | {slow:.1f} ms "
            f"| {rate:.0f} /s | {peak:.0f} MB |"
        )
    print(f"\nBare `import onnxruntime, tokenizers, numpy`: {bare:.2f} s.")


def _measure(target: str, runs: int) -> dict[str, list[float]]:
    forms = ("serving", "reference")
    taken: dict[str, list[list[float]]] = {form: [] for form in forms}
    for _ in range(runs):
        for form in forms:
            taken[form].append([*_cold(form, target), *_python(WARM, form, target)])
    return {form: [median(column) for column in zip(*rows, strict=True)] for form, rows in taken.items()}


def _cold(form: str, target: str) -> list[float]:
    """Seconds from before the process starts to its first vector, and its peak memory in MB."""
    start = time.time()
    end, peak = _python(IMPORTS if form == "imports" else COLD, form, target)
    return [end - start, peak]


def _python(code: str, form: str, target: str) -> list[float]:
    passages = json.dumps([PASSAGE.format(number) for number in range(48)])
    command = [sys.executable, "-c", code, form, target, QUESTION, passages]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return [float(number) for number in done.stdout.split()]


def _machine() -> str:
    names = ("onnxruntime", "tokenizers", "sentence-transformers", "torch")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{platform.machine()}, Python {platform.python_version()}, {versions}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
