"""Train the small heads of `hds_bot.facts` on labelled questions and write `hds_bot/facts/heads.json`.

    uv run python benchmarks/train_heads.py [--check] FILE.jsonl [FILE.jsonl …]

With --check nothing is written: ten-fold cross-validation over the same questions is printed instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from hds_bot import encoder, facts
from hds_bot.facts import intent, language, lexicon, semantic, situation, tempering
from hds_bot.facts.context import read_turn

TARGET = Path(facts.__file__).parent / "heads.json"
INTENT = {"sans_verdict": "information", "hors_perimetre": "other"}
STRENGTH = {"intent": 10.0, "verdict": 3.0}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("files", nargs="+", type=Path)
    options = arguments.parse_args()
    rows = [json.loads(line) for file in options.files for line in file.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        encoder.compile_serving(Path(folder) / "serving")
        model = encoder.open_serving(Path(folder) / "serving")
        tables = {"intent": intent_table(rows, model), "verdict": verdict_table(rows, model)}
        identity = model.identity
    if options.check:
        for name, (inputs, wanted, _) in tables.items():
            check(name, inputs, wanted)
        return
    heads = {name: fit(name, *table) for name, table in tables.items()}
    TARGET.write_text(json.dumps({"encoder": identity, "trained_on": digest(rows), "heads": heads}) + "\n")


def intent_table(rows, model):
    last = model.encode_queries([r["turns"][-1] for r in rows])
    whole = model.encode_queries(["\n".join(r["turns"]) for r in rows])
    words = lexicon.load_lexicon()
    read = [
        intent.structure(read_turn(0, r["turns"][-1], words, language.guess_language(r["turns"][-1:])), len(r["turns"]))
        for r in rows
    ]
    wanted = [INTENT.get(r["verdict"], "verdict") for r in rows]
    return stack([last, whole], read), wanted, names(read)


def verdict_table(rows, model):
    rows = [r for r in rows if r["verdict"] not in INTENT]
    whole = model.encode_queries(["\n".join(r["turns"]) for r in rows])
    words = lexicon.load_lexicon()
    read = []
    for row in rows:
        scenes = [read_turn(n, t, words, language.guess_language([t])) for n, t in enumerate(row["turns"])]
        _, since = facts._request(scenes)
        read.append(tempering.situation_inputs(situation.Situation(tuple(scenes[since:])).facts()))
    return stack([whole], read), [r["verdict"] for r in rows], names(read)


def names(read):
    return sorted({name for inputs in read for name in inputs})


def stack(vectors, read):
    columns = names(read)
    structure = np.array([[inputs.get(name, 0.0) for name in columns] for inputs in read], dtype=np.float32)
    return np.hstack([*vectors, structure])


def model_of(name):
    return LogisticRegression(C=STRENGTH[name], max_iter=5000, class_weight="balanced")


def check(name, inputs, wanted):
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    found = cross_val_predict(model_of(name), inputs - inputs.mean(0), wanted, cv=folds)
    print(f"{name}: {np.mean(found == np.array(wanted)):.3f} right of {len(wanted)}, ten-fold")
    for (label, guess), count in sorted(Counter(zip(wanted, found, strict=True)).items()):
        print(f"  {label:12} -> {guess:12} {count}")


def fit(name, inputs, wanted, columns):
    centre = inputs.mean(0)
    model = model_of(name).fit(inputs - centre, wanted)
    bias = model.intercept_ - model.coef_ @ centre
    return {
        "classes": [str(c) for c in model.classes_],
        "features": columns,
        "weights": [[round(float(w), 5) for w in row] for row in model.coef_],
        "bias": [round(float(b), 5) for b in bias],
    }


def digest(rows):
    return hashlib.sha256("\n".join(sorted(r["id"] for r in rows)).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
