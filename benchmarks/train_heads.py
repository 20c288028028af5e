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
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hds_bot import encoder, facts
from hds_bot.facts import intent, language, lexicon
from hds_bot.facts.context import read_turn

TARGET = Path(facts.__file__).parent / "heads.json"
INTENT = {"sans_verdict": "information", "hors_perimetre": "other"}
STRENGTH = {"intent": 0.001, "reason": 0.003}
BALANCE = {"intent": "balanced", "reason": None}
NON = {"complètement": "anonymised", "statistiques": "statistical", "simulées": "simulated", "Outils": "no_personal_data"}
OPEN = {"cabinet": "practice", "produit traite": "startup", "startups": "startup", "prestataire": "provider"}
OPEN |= {"entreprise manipule": "organisation", "assurance": "organisation", **dict.fromkeys(NON, "doubt")}
CLOSED = {**NON, "cabinet": "practice_none", "prestataire": "provider_no_access"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("files", nargs="+", type=Path)
    options = arguments.parse_args()
    rows = [json.loads(line) for file in options.files for line in file.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        encoder.compile_serving(Path(folder) / "serving")
        model = encoder.open_serving(Path(folder) / "serving")
        tables = {"intent": intent_table(rows, model), "reason": reason_table(rows, model)}
        identity = model.identity
    if options.check:
        for name, (inputs, wanted, _) in tables.items():
            check(name, inputs, wanted)
        return
    write(identity, rows, tables)


def write(identity, rows, tables):
    heads = {name: fit(name, *table) for name, table in tables.items()}
    TARGET.write_text(json.dumps({"encoder": identity, "trained_on": digest(rows), "heads": heads}) + "\n")


def intent_table(rows, model):
    last = model.read_queries([r["turns"][-1] for r in rows])[1]
    whole = model.read_queries(["\n".join(r["turns"]) for r in rows])[1]
    words = lexicon.load_lexicon()
    read = [
        intent.structure(read_turn(0, r["turns"][-1], words, language.guess_language(r["turns"][-1:])), len(r["turns"]))
        for r in rows
    ]
    wanted = [INTENT.get(r["verdict"], "verdict") for r in rows]
    return stack([last, whole], read), wanted, names(read)


def reason_table(rows, model):
    rows = [r for r in rows if r["verdict"] not in INTENT]
    whole = model.read_queries(["\n".join(r["turns"]) for r in rows])[1]
    return whole, [reason_of(r) for r in rows], []


def reason_of(row):
    """`oui`, or the verdict with its reason: as labelled, else told by the quotes."""
    verdict = row["verdict"]
    if verdict == "oui":
        return verdict
    if "reason" in row:
        return f"{verdict}:{row['reason']}"
    known, default = (CLOSED, "no_health_data") if verdict == "non" else (OPEN, "unknown")
    found = (name for quote in row["quotes"] for word, name in known.items() if word in quote)
    return f"{verdict}:{next(found, default)}"


def names(read):
    return sorted({name for inputs in read for name in inputs})


def stack(vectors, read):
    columns = names(read)
    structure = np.array([[inputs.get(name, 0.0) for name in columns] for inputs in read], dtype=np.float32)
    return np.hstack([*vectors, structure])


def fitted(name, inputs, wanted):
    """Standardised inputs, so that every layer's states weigh alike."""
    model = LogisticRegression(C=STRENGTH[name], max_iter=5000, class_weight=BALANCE[name])
    return make_pipeline(StandardScaler(), model).fit(inputs, wanted)


def check(name, inputs, wanted):
    wanted = np.array(wanted)
    verdicts = np.array([w.split(":")[0] for w in wanted])
    found = np.empty(len(wanted), dtype=object)
    for train, test in StratifiedKFold(10, shuffle=True, random_state=0).split(inputs, verdicts):
        model = fitted(name, inputs[train], wanted[train])
        odds = model.predict_proba(inputs[test])
        labels = [c.split(":")[0] for c in model.classes_]
        kinds = sorted(set(labels))
        sums = np.stack([odds[:, [l == k for l in labels]].sum(1) for k in kinds], axis=1)
        found[test] = np.array(kinds, dtype=object)[sums.argmax(1)]
    print(f"{name}: {np.mean(found == verdicts):.3f} right of {len(wanted)}, ten-fold")
    for (label, guess), count in sorted(Counter(zip(verdicts, found, strict=True)).items()):
        print(f"  {label:12} -> {guess:12} {count}")


def fit(name, inputs, wanted, columns):
    """Weights over the raw inputs: the standardisation is folded into them."""
    scaler, model = fitted(name, inputs, wanted)
    weights = model.coef_ / scaler.scale_
    bias = model.intercept_ - weights @ scaler.mean_
    return {
        "classes": [str(c) for c in model.classes_],
        "features": columns,
        "weights": [[float(f"{w:.4g}") for w in row] for row in weights],
        "bias": [float(f"{b:.6g}") for b in bias],
    }


def digest(rows):
    return hashlib.sha256("\n".join(sorted(r["id"] for r in rows)).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
