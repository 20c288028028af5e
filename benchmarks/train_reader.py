"""Train the reader of `hds_bot.facts` on labelled questions and write `hds_bot/facts/reader.onnx`.

    uv run python benchmarks/train_reader.py FILE.jsonl [FILE.jsonl …] [--without FILE.jsonl …]

The reader is the encoder's upper layers, tuned to tell what a conversation asks, how the case stands, why, and
which part of the guidance speaks of it. It starts from the encoder's own weights and from the states that the
encoder gives of its layer `READ_LAYER`; the lower layers, and the vectors that searches use, stay as they are.
It learns with the rounding that it is served with: products of whole numbers, weights of 7 bits and a scale a row,
what comes in of 8 bits and a scale a text. (7, not 8: then no processor's sums overflow, and all agree.)
Same questions, same seed, same weights (on one machine). Questions under `--without` are measured after each
epoch and never learnt from. An epoch over ten thousand questions takes some fifteen minutes of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
import tomllib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from onnx import TensorProto, helper, save_model
from torch import nn
from torch.nn import functional

from hds_bot import corpus, encoder, facts
from hds_bot.encoder.compiled import READ_LAYER, Graph, versions
from hds_bot.encoder.weights import Weights, load_weights
from hds_bot.facts.semantic import calm

TARGET = Path(facts.__file__).parent / "reader.onnx"
VERDICTS = ("oui", "non", "a_preciser", "sans_verdict", "hors_perimetre")
NON = {
    "complètement": "anonymised",
    "statistiques": "statistical",
    "simulées": "simulated",
    "Outils": "no_personal_data",
}
OPEN = {"cabinet": "practice", "produit traite": "startup", "startups": "startup", "prestataire": "provider"}
OPEN |= {"entreprise manipule": "organisation", "assurance": "organisation", **dict.fromkeys(NON, "doubt")}
CLOSED = {**NON, "cabinet": "practice_none", "prestataire": "provider_no_access"}
EPOCHS, TOKENS, RATE, HEAD_RATE, DECAY, WARM_UP = 4, 1400, 1e-4, 1e-3, 0.01, 0.1
SMOOTH, DROP, HEAD_DROP, LOOKS = 0.05, 0.1, 0.2, 4
SHARES = {"verdict": 1.0, "reason": 0.3, "topic": 0.3}
"""What each output counts for in the loss."""
WHOLE = 63
"""The largest whole number of a weight."""
DRESSED = 0.3
"""Share of the questions that are learnt a second time in other dress."""
OPENINGS = (
    "Bonjour,",
    "Bonjour, merci d'avance pour votre aide.",
    "Hello,",
    "Hi there, thanks for your time.",
    "svp :",
)
CLOSINGS = (
    "Merci beaucoup !",
    "Cordialement",
    "Bonne journée à vous.",
    "Thanks a lot!",
    "Best regards",
    "thx",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("files", nargs="+", type=Path)
    options.add_argument("--without", nargs="*", type=Path, default=[])
    options.add_argument("--target", type=Path, default=TARGET)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    torch.manual_seed(asked.seed)
    rows, kept = read_rows(asked.files), read_rows(asked.without)
    with tempfile.TemporaryDirectory() as folder:
        encoder.compile_serving(Path(folder) / "serving")
        model = encoder.open_serving(Path(folder) / "serving")
        labels = Labels.of(rows)
        learnt = labels.samples([*rows, *dressed(rows, asked.seed)], model)
        checked = labels.samples(kept, model)
        identity = model.identity
    reader = learn(Reader(load_weights(), labels), learnt, checked, asked.seed)
    write(reader, asked.target, {"encoder": identity, "trained_on": digest(rows), **labels.names()})


# -- questions and what is labelled ---------------------------------------------------------


def read_rows(files):
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def digest(rows):
    return hashlib.sha256("\n".join(sorted(r["id"] for r in rows)).encode()).hexdigest()[:16]


def dressed(rows, seed):
    """Some of the questions once more: polite, in haste, without accents; the label stays."""
    draw = random.Random(seed)
    return [
        row | {"turns": [*row["turns"][:-1], dress(row["turns"][-1], draw)]}
        for row in rows
        if draw.random() < DRESSED
    ]


def dress(text, draw):
    match draw.randrange(4):
        case 0:
            return without_accents(text.lower())
        case 1:
            return f"{draw.choice(OPENINGS)} {text}"
        case 2:
            return f"{text} {draw.choice(CLOSINGS)}"
    return misspelt(text, draw)


def without_accents(text):
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def misspelt(text, draw):
    """Two neighbouring letters change places in one long word of eight."""
    words = text.split(" ")
    for at, word in enumerate(words):
        if len(word) > 5 and word.isalpha() and draw.random() < 1 / 8:
            i = draw.randrange(1, len(word) - 2)
            words[at] = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return " ".join(words)


@dataclass(frozen=True)
class Sample:
    states: torch.Tensor
    verdict: int
    reason: int
    """-1 where only the verdict is labelled."""
    topics: torch.Tensor
    """Share of each topic; all zero where no quote is labelled."""


@dataclass(frozen=True)
class Labels:
    reasons: list[str]
    topics: list[str]

    @classmethod
    def of(cls, rows):
        return cls(sorted({r for row in rows if (r := reason_of(row))}), list(passages_by_topic()))

    def names(self):
        return {"verdicts": VERDICTS, "reasons": self.reasons, "topics": self.topics}

    def samples(self, rows, model):
        return [self.sample(row, model) for row in rows]

    def sample(self, row, model):
        states = model.read_queries([calm("\n".join(row["turns"]))])[1][0].astype(np.float16)
        reason, about = reason_of(row), topics_of(row)
        shares = torch.tensor([1.0 if name in about else 0.0 for name in self.topics])
        return Sample(
            torch.tensor(states),
            VERDICTS.index(row["verdict"]),
            self.reasons.index(reason) if reason in self.reasons else -1,
            shares / max(len(about), 1),
        )


def reason_of(row):
    """The verdict with its reason: as labelled, else told by the quotes; None for an unexplained `oui`."""
    verdict = row["verdict"]
    if verdict in {"sans_verdict", "hors_perimetre"}:
        return verdict
    if "reason" in row:
        return f"{verdict}:{row['reason']}"
    if verdict == "oui":
        return None
    known, default = (CLOSED, "no_health_data") if verdict == "non" else (OPEN, "unknown")
    found = (name for quote in row["quotes"] for word, name in known.items() if word in quote)
    return f"{verdict}:{next(found, default)}"


def topics_of(row):
    quotes = [corpus.fold(quote) for quote in row.get("quotes", ())]
    return [topic for topic, text in passages_by_topic().items() if any(quote in text for quote in quotes)]


@cache
def passages_by_topic():
    """Topic -> text of the passage that holds its anchor."""
    source = tomllib.loads((TARGET.parent / "topics.toml").read_text(encoding="utf-8"))
    read = corpus.read_corpus(Path(__file__).parents[1] / "corpus")
    texts = [corpus.fold(passage.text) for document in read.documents for passage in corpus.split(document)]
    return MappingProxyType(
        {name: next(t for t in texts if corpus.fold(words) in t) for name, words in source["anchors"].items()}
    )


# -- the network ----------------------------------------------------------------------------


class Layer(nn.Module):
    """One layer of the encoder, from its own weights."""

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.heads, hidden = weights.shape.heads, weights.shape.hidden
        self.qkv = linear(weights, *(f"{name}.{part}" for part in "qkv"))
        for part in ("ao", "fi", "fo"):
            setattr(self, part, linear(weights, f"{name}.{part}"))
        for part in ("aln", "oln"):
            norm = nn.LayerNorm(hidden, eps=weights.shape.epsilon)
            norm.weight.data, norm.bias.data = (
                torch.tensor(weights.vectors[f"{name}.{part}.{end}"]) for end in "wb"
            )
            setattr(self, part, norm)
        self.drop = nn.Dropout(DROP)

    def forward(self, x, mask):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = (q @ k.transpose(2, 3)) * q.shape[-1] ** -0.5
        mixed = seen.masked_fill(~mask[:, None, None, :], -1e4).softmax(-1) @ v
        x = self.aln(x + self.drop(self.ao(mixed.transpose(1, 2).flatten(2))))
        return self.oln(x + self.drop(self.fo(functional.gelu(self.fi(x)))))


class Round(torch.autograd.Function):
    """To the nearest of the steps that 8 bits have; gradients pass as if nothing were rounded."""

    @staticmethod
    def forward(_, x, step):
        return (x / step).round_().mul_(step)

    @staticmethod
    def backward(_, gradient):
        return gradient, None


class Rounded(nn.Linear):
    """A product of whole numbers, as the graph computes it."""

    def forward(self, x):
        """`x` is (texts, tokens, width)."""
        given, weight = x.detach(), self.weight.detach()
        span = given.amax((1, 2), keepdim=True).clamp(min=0) - given.amin((1, 2), keepdim=True).clamp(max=0)
        rows = weight.abs().amax(1, keepdim=True)
        x, weight = Round.apply(x, span / 255), Round.apply(self.weight, rows / WHOLE)
        return functional.linear(x, weight, self.bias)


def linear(weights, *names):
    """One product for all the matrices of `names`, laid one under the other."""
    matrix = np.concatenate([weights.matrices[f"{name}.w"].to_float() for name in names])
    layer = Rounded(matrix.shape[1], matrix.shape[0])
    layer.weight.data = torch.tensor(matrix)
    layer.bias.data = torch.tensor(np.concatenate([weights.vectors[f"{name}.b"] for name in names]))
    return layer


class Reader(nn.Module):
    """The upper layers, a few learnt looks at the words that decide beside their mean, and an output each."""

    def __init__(self, weights: Weights, labels: Labels) -> None:
        super().__init__()
        self.weights, hidden = weights, weights.shape.hidden
        self.names = [f"l{layer}" for layer in range(READ_LAYER, weights.shape.layers)]
        self.layers = nn.ModuleList(Layer(weights, name) for name in self.names)
        self.look, self.drop = nn.Linear(hidden, LOOKS), nn.Dropout(HEAD_DROP)
        sizes = {"verdict": len(VERDICTS), "reason": len(labels.reasons), "topic": len(labels.topics)}
        self.outputs = nn.ModuleDict({n: nn.Linear(hidden * (LOOKS + 1), size) for n, size in sizes.items()})

    def forward(self, x, mask):
        for layer in self.layers:
            x = layer(x, mask)
        looks = self.look(x).masked_fill(~mask[..., None], -1e4).softmax(1)
        mean = (x * mask[..., None]).sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        pooled = self.drop(torch.cat([looks.transpose(1, 2) @ x, mean], 1).flatten(1))
        return {name: output(pooled) for name, output in self.outputs.items()}


def learn(net, learnt, checked, seed):
    draw = np.random.default_rng(seed)
    optimiser, schedule = optimise(net, EPOCHS * len(batches(learnt, draw)) + 100)
    for epoch in range(1, EPOCHS + 1):
        net.train()
        losses = []
        for batch in batches(learnt, draw):
            loss = loss_of(net, [learnt[i] for i in batch])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {np.mean(losses):.3f} {check(net, checked)}", flush=True)
    return net.eval()


def optimise(net, steps):
    tuned = [p for name, p in net.named_parameters() if name.startswith("layers")]
    fresh = [p for name, p in net.named_parameters() if not name.startswith("layers")]
    groups = [{"params": tuned, "lr": RATE}, {"params": fresh, "lr": HEAD_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=DECAY)
    rates = [RATE, HEAD_RATE]
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=steps, pct_start=WARM_UP
    )


def batches(samples, draw):
    """Samples of like length together, about `TOKENS` words' pieces a batch, in drawn order."""
    lengths = np.array([len(sample.states) for sample in samples])
    found, batch = [], []
    for i in np.argsort(lengths + draw.uniform(0, 4, len(lengths))):
        if batch and (len(batch) + 1) * lengths[i] > TOKENS:
            found.append(batch)
            batch = []
        batch.append(int(i))
    found.append(batch)
    draw.shuffle(found)
    return found


def padded(samples):
    x = nn.utils.rnn.pad_sequence([sample.states for sample in samples], batch_first=True).float()
    lengths = torch.tensor([len(sample.states) for sample in samples])
    return x, torch.arange(x.shape[1])[None] < lengths[:, None]


def loss_of(net, samples):
    with torch.autocast("cpu", torch.bfloat16):
        given = {name: logits.float() for name, logits in net(*padded(samples)).items()}
    wanted = {
        "verdict": torch.tensor([sample.verdict for sample in samples]),
        "reason": torch.tensor([sample.reason for sample in samples]),
    }
    loss = (
        -SHARES["topic"]
        * (torch.stack([s.topics for s in samples]) * given["topic"].log_softmax(-1)).sum(1).mean()
    )
    for name, target in wanted.items():
        if (target >= 0).any():
            loss = loss + SHARES[name] * functional.cross_entropy(
                given[name], target, ignore_index=-1, label_smoothing=SMOOTH
            )
    return loss


@torch.no_grad()
def check(net, samples):
    """Share of right verdicts, and how many are `non` where that is unsafe."""
    if not samples:
        return ""
    net.eval()
    given = np.array([int(net(*padded([sample]))["verdict"].argmax()) for sample in samples])
    wanted = np.array([sample.verdict for sample in samples])
    unsafe = np.sum((given == VERDICTS.index("non")) & np.isin(wanted, [0, 2]))
    return f"right {np.mean(given == wanted):.3f}, unsafe {unsafe} of {len(samples)}"


# -- the graph ------------------------------------------------------------------------------


class ReaderGraph(Graph):
    """The trained reader as an ONNX graph: the layers in whole numbers, the few outputs in float32."""

    def linear(self, names, hidden):
        matrix, bias = self.weights.matrices[names[0]]
        scale = np.abs(matrix).max(1) / WHOLE
        whole = self.constant(f"{names[0]}.w", np.round(matrix / scale[:, None]).astype(np.int8).T)
        zero = self.constant(f"{names[0]}.z", np.zeros((), np.int8))
        given, step, origin = self.nodes_out("DynamicQuantizeLinear", [hidden], 3)
        product = self.node("MatMulInteger", [given, whole, origin, zero])
        scales = self.node("Mul", [step, self.constant(f"{names[0]}.s", scale)])
        product = self.node("Mul", [self.node("Cast", [product], to=TensorProto.FLOAT), scales])
        return self.node("Add", [product, self.constant(f"{names[0]}.b", bias)])

    def plain(self, name, hidden):
        matrix, bias = self.weights.matrices[name]
        product = self.node("MatMul", [hidden, self.constant(f"{name}.w", matrix.T)])
        return self.node("Add", [product, self.constant(f"{name}.b", bias)])

    def read(self, names):
        hidden = self.node("Unsqueeze", ["states", self.constant("first", np.zeros(1, np.int64))])
        for name in names:
            hidden = self.layer(name, hidden, "")
        looks = self.node("Softmax", [self.plain("look", hidden)], axis=1)
        looks = self.node("MatMul", [self.node("Transpose", [looks], perm=[0, 2, 1]), hidden])
        mean = self.node("ReduceMean", [hidden, self.constant("words", np.ones(1, np.int64))], keepdims=1)
        pooled = self.node("Flatten", [self.node("Concat", [looks, mean], axis=1)], axis=1)
        for name in ("verdict", "reason", "topic"):
            self.node("Softmax", [self.plain(name, pooled)], output=name, axis=-1)


def write(net, target, about):
    graph = ReaderGraph(trained(net))
    graph.read(net.names)
    hidden = net.weights.shape.hidden
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, ["tokens", hidden])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, output.out_features])
        for name, output in net.outputs.items()
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "reader", [states], outputs, graph.constants), **versions()
    )
    helper.set_model_props(model, {"about": json.dumps(about, ensure_ascii=False)})
    save_model(model, target)


def trained(net):
    """The weights as the graph asks for them: matrices with their biases, and the norms' vectors."""
    matrices, vectors = {}, {}
    for name, layer in zip(net.names, net.layers, strict=True):
        for part, module in layer.named_children():
            if isinstance(module, nn.Linear):
                matrices[f"{name}.{'q' if part == 'qkv' else part}"] = pair(module)
            elif isinstance(module, nn.LayerNorm):
                vectors[f"{name}.{part}.w"], vectors[f"{name}.{part}.b"] = pair(module)
    matrices |= {"look": pair(net.look)} | {name: pair(output) for name, output in net.outputs.items()}
    return replace(net.weights, matrices=matrices, vectors=vectors)


def pair(module):
    return module.weight.detach().numpy(), module.bias.detach().numpy()


if __name__ == "__main__":
    main()
