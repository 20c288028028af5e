"""Train the small heads of `hds_bot.facts` on labelled questions and write `hds_bot/facts/heads.npz`.

    uv run python benchmarks/train_heads.py FILE.jsonl [FILE.jsonl …]

The intent and reason heads are logistic regressions, the verdict head pools the states of the words by attention.
Same questions, same seed, same weights (on one machine).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from hds_bot import corpus, encoder, facts
from hds_bot.facts import intent, language, lexicon
from hds_bot.facts.context import read_turn

TARGET = Path(facts.__file__).parent / "heads.npz"
INTENT = {"sans_verdict": "information", "hors_perimetre": "other"}
VERDICTS = ("a_preciser", "non", "oui")
STRENGTH = {"intent": 0.001, "reason": 0.003, "topic": 0.003}
BALANCE = {"intent": "balanced", "reason": None, "topic": None}
NON = {
    "complètement": "anonymised",
    "statistiques": "statistical",
    "simulées": "simulated",
    "Outils": "no_personal_data",
}
OPEN = {"cabinet": "practice", "produit traite": "startup", "startups": "startup", "prestataire": "provider"}
OPEN |= {"entreprise manipule": "organisation", "assurance": "organisation", **dict.fromkeys(NON, "doubt")}
CLOSED = {**NON, "cabinet": "practice_none", "prestataire": "provider_no_access"}
EPOCHS, BATCH, RATE, DECAY, DROP, SMOOTH = 14, 32, 1e-3, 0.05, 0.3, 0.05
WIDTH, QUERIES = 64, 6


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("files", nargs="+", type=Path)
    rows = read_rows(arguments.parse_args().files)
    with tempfile.TemporaryDirectory() as folder:
        encoder.compile_serving(Path(folder) / "serving")
        model = encoder.open_serving(Path(folder) / "serving")
        identity = model.identity
        states = read_states(rows, model)
    train(rows, states, identity)


def read_rows(files):
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def read_states(rows, model):
    texts = {text for row in rows for text in (row["turns"][-1], whole(row))}
    return {text: model.read_queries([text])[1][0].astype(np.float16) for text in sorted(texts)}


def whole(row):
    return "\n".join(row["turns"])


def train(rows, states, identity):
    arrays, about = {}, {"encoder": identity, "trained_on": digest(rows)}
    for name, table in (("intent", intent_table), ("reason", reason_table), ("topic", topic_table)):
        inputs, wanted, features, shares = table(rows, states)
        classes, weights, bias = fit_linear(name, inputs, wanted, shares)
        about[name] = {"classes": classes, "features": features}
        arrays |= {f"{name}.weights": weights, f"{name}.bias": bias}
    about["verdict"] = {"classes": VERDICTS}
    arrays |= {f"verdict.{name}": array for name, array in fit_attentive(rows, states).items()}
    np.savez_compressed(
        TARGET, about=json.dumps(about), **{n: a.astype(np.float32) for n, a in arrays.items()}
    )


# -- linear heads -------------------------------------------------------------------------


def intent_table(rows, states):
    words = lexicon.load_lexicon()
    read = [
        intent.structure(read_turn(0, last, words, language.guess_language([last])), len(row["turns"]))
        for row in rows
        for last in row["turns"][-1:]
    ]
    features = sorted({name for inputs in read for name in inputs})
    named = np.array([[inputs.get(name, 0.0) for name in features] for inputs in read])
    pooled = [np.concatenate([mean(states[r["turns"][-1]]), mean(states[whole(r)])]) for r in rows]
    wanted = [INTENT.get(row["verdict"], "verdict") for row in rows]
    return np.hstack([pooled, named]), wanted, features, None


def reason_table(rows, states):
    rows = [row for row in rows if row["verdict"] not in INTENT]
    return np.array([mean(states[whole(row)]) for row in rows]), [reason_of(row) for row in rows], [], None


def topic_table(rows, states):
    """A question with several accepted passages counts in part for each."""
    asked = [(row, topics_of(row)) for row in rows if row.get("quotes")]
    samples = [(row, topic, 1 / len(topics)) for row, topics in asked for topic in topics]
    inputs = [np.concatenate([mean(states[r["turns"][-1]]), mean(states[whole(r)])]) for r, _, _ in samples]
    return np.array(inputs), [topic for _, topic, _ in samples], [], [share for _, _, share in samples]


def topics_of(row):
    quotes = [corpus.fold(quote) for quote in row["quotes"]]
    return [topic for topic, text in passages_by_topic().items() if any(quote in text for quote in quotes)]


@cache
def passages_by_topic():
    """Topic -> text of the passage that holds its anchor."""
    source = tomllib.loads((TARGET.parent / "topics.toml").read_text(encoding="utf-8"))
    read = corpus.read_corpus(Path(__file__).parents[1] / "corpus")
    texts = [corpus.fold(passage.text) for document in read.documents for passage in corpus.split(document)]
    return {
        name: next(t for t in texts if corpus.fold(words) in t) for name, words in source["anchors"].items()
    }


def mean(states):
    return states.astype(np.float32).mean(0)


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


def fit_linear(name, inputs, wanted, shares):
    """Weights over the raw inputs: the standardisation is folded into them."""
    model = LogisticRegression(C=STRENGTH[name], max_iter=3000, class_weight=BALANCE[name])
    scaler = StandardScaler().fit(inputs)
    model.fit(scaler.transform(inputs), wanted, sample_weight=shares)
    weights = model.coef_ / scaler.scale_
    return [str(c) for c in model.classes_], weights, model.intercept_ - weights @ scaler.mean_


# -- the attentive head -------------------------------------------------------------------


class Attentive(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project, self.query = nn.Linear(width, WIDTH), nn.Linear(width, QUERIES)
        self.out, self.drop = nn.Linear(WIDTH * QUERIES + width, len(VERDICTS)), nn.Dropout(DROP)

    def forward(self, x, mask):
        values = torch.tanh(self.project(self.drop(x)))
        looks = self.query(x).masked_fill(~mask[..., None], -1e4).softmax(1)
        pooled = torch.einsum("btp,bth->bhp", values, looks).flatten(1)
        average = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self.out(self.drop(torch.cat([2 * pooled, average], -1)))


def fit_attentive(rows, states, seed=0):
    torch.manual_seed(seed)
    rows = [row for row in rows if row["verdict"] in VERDICTS]
    sample = np.concatenate([states[whole(row)][::5] for row in rows]).astype(np.float32)
    centre, scale = sample.mean(0), sample.std(0) + 1e-3
    texts = [torch.tensor((states[whole(row)].astype(np.float32) - centre) / scale) for row in rows]
    wanted = torch.tensor([VERDICTS.index(row["verdict"]) for row in rows])
    net = learn(Attentive(texts[0].shape[1]), texts, wanted, seed)
    weights = {
        name.replace(".weight", "").replace(".", "_"): p.detach().numpy()
        for name, p in net.named_parameters()
    }
    weights["weights"], weights["bias"] = weights.pop("out"), weights.pop("out_bias")
    return {"mean": centre, "scale": scale, **weights}


def learn(net, texts, wanted, seed):
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * len(batches))
    shuffle = np.random.default_rng(seed).shuffle
    for _ in range(EPOCHS):
        shuffle(batches)
        for batch in batches:
            x = nn.utils.rnn.pad_sequence([texts[i] for i in batch], batch_first=True)
            mask = torch.arange(x.shape[1])[None] < torch.tensor([len(texts[i]) for i in batch])[:, None]
            loss = nn.functional.cross_entropy(net(x, mask), wanted[batch], label_smoothing=SMOOTH)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def digest(rows):
    return hashlib.sha256("\n".join(sorted(r["id"] for r in rows)).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
