"""The encoder as an ONNX graph: ids and mask in, unit vectors out, weights in their own 4 bits.

Nothing is quantised again. The nibbles go as they are into onnxruntime's `MatMulNBits` (accuracy level 0:
arithmetic in float32) and `GatherBlockQuantized`; mean pooling and L2 are the last nodes. The states of a middle
layer, which tells syntax (who, not, no longer) better than the last, come out beside them, in the same pass.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hds_bot.encoder.weights import BLOCK, Weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

READ_LAYER = 4
"""The layer, counted from 1, whose states are given beside the vector; chosen in docs/quality.md."""
CONTRIB = "com.microsoft"
OPSET, IR_VERSION = 21, 10
"""The first with 4-bit integers: read by onnxruntime 1.20 and later."""
_FLOAT32, _INT32 = 1, 6
"""`onnx.TensorProto` names for the types, known without importing it."""


def write_graph(target: Path, weights: Weights) -> None:
    """Write `target` and, beside it, `<target>.data` with the weights, which onnxruntime maps into memory."""
    import onnx

    onnx.save_model(
        build_graph(weights),
        target,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=f"{target.name}.data",
        size_threshold=1024,
    )


def build_graph(weights: Weights) -> ModelProto:
    """`input_ids`, `attention_mask` (batch, tokens) int64 -> `vectors`, `states` (batch, width) float32."""
    from onnx import TensorProto, helper

    graph = Graph(weights)
    graph.build()
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    hidden = weights.shape.hidden
    shapes: dict[str, list[str | int | None]] = {
        "vectors": ["batch", hidden],
        "states": ["batch", "tokens", hidden],
    }
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
    ]
    return helper.make_model(
        helper.make_graph(graph.nodes, "multilingual-e5-small", inputs, outputs, graph.constants),
        **versions(),
    )


def versions() -> dict[str, Any]:
    """The operator sets and the format of our graphs, as `onnx.helper.make_model` takes them."""
    from onnx import helper

    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    return {"opset_imports": opsets, "ir_version": IR_VERSION}


class Graph:
    """Nodes and constants as they are laid down, from the embeddings to the pooled vector."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def build(self) -> None:
        """Lay down the whole encoder: `vectors`, and the `states` of `READ_LAYER`."""
        hidden = self.embeddings()
        mask = self.node("Cast", ["attention_mask"], to=_INT32)
        for layer in range(self.weights.shape.layers):
            hidden = self.layer(f"l{layer}", hidden, mask)
            if layer + 1 == READ_LAYER:
                self.node("Identity", [hidden], output="states")
        self.node("LpNormalization", [self.pool(hidden)], output="vectors", axis=-1, p=2)

    def embeddings(self) -> str:
        """Lay down words and positions, normed."""
        word = self.gather_words()
        length = self.node("Shape", ["input_ids"], start=1, end=2)
        zero = self.constant("zero", np.zeros(1, np.int64))
        position = self.node("Slice", [self.positions(), zero, length, zero])
        return self.norm("emb.ln", self.node("Add", [word, position]))

    def gather_words(self) -> str:
        """Look the word vectors up in their own 4 bits."""
        # Signed 4-bit weights need no zero point: XOR 8 turns the nibble n into n - 8.
        table = self.weights.matrices["emb.word"]
        shape = (len(table.nibbles), self.weights.shape.hidden)
        data = self.packed("emb.word", table.nibbles ^ 0x88, shape)
        scales = self.constant("emb.word.scales", table.scales)
        inputs = [data, "input_ids", scales]
        return self.node(
            "GatherBlockQuantized", inputs, CONTRIB, gather_axis=0, quantize_axis=1, block_size=BLOCK
        )

    def positions(self) -> str:
        """Position and (only) token type, added once for all."""
        hidden, vectors = self.weights.shape.hidden, self.weights.vectors
        return self.constant(
            "positions", vectors["emb.pos"].reshape(-1, hidden) + vectors["emb.type"][:hidden]
        )

    def layer(self, name: str, hidden: str, mask: str) -> str:
        """Lay down one layer; `mask` names the padding mask, or nothing where no text is padded."""
        attended = self.norm(f"{name}.aln", self.attention(name, hidden, mask), skip=hidden)
        inner = self.node("Gelu", [self.linear([f"{name}.fi"], attended)])
        return self.norm(f"{name}.oln", self.linear([f"{name}.fo"], inner), skip=attended)

    def attention(self, name: str, hidden: str, mask: str) -> str:
        """Lay down self-attention and its output matrix."""
        projected = self.linear([f"{name}.{part}" for part in "qkv"], hidden)
        parts = self.nodes_out("Split", [projected], 3, axis=-1, num_outputs=3)
        heads = self.weights.shape.heads
        mixed = self.node("MultiHeadAttention", [*parts, "", mask], CONTRIB, num_heads=heads)
        return self.linear([f"{name}.ao"], mixed)

    def linear(self, names: list[str], hidden: str) -> str:
        """One product for all the matrices of `names`, laid one under the other."""
        stacked = [self.weights.matrices[f"{name}.w"] for name in names]
        scales = np.concatenate([matrix.scales for matrix in stacked])
        nibbles = np.concatenate([matrix.nibbles for matrix in stacked])
        rows, blocks = scales.shape
        inputs = [
            hidden,
            self.constant(f"{names[0]}.nibbles", nibbles.reshape(rows, blocks, BLOCK // 2)),
            self.constant(f"{names[0]}.scales", scales.reshape(-1)),
        ]
        sizes = {"K": blocks * BLOCK, "N": rows, "bits": 4, "block_size": BLOCK, "accuracy_level": 0}
        bias = np.concatenate([self.weights.vectors[f"{name}.b"] for name in names])
        product = self.node("MatMulNBits", inputs, CONTRIB, **sizes)
        return self.node("Add", [product, self.constant(f"{names[0]}.b", bias)])

    def norm(self, name: str, hidden: str, *, skip: str | None = None) -> str:
        """Lay down a layer norm, over a sum where there is something to `skip`."""
        gain, bias = (self.constant(f"{name}.{end}", self.weights.vectors[f"{name}.{end}"]) for end in "wb")
        epsilon = self.weights.shape.epsilon
        if skip is None:
            return self.node("LayerNormalization", [hidden, gain, bias], axis=-1, epsilon=epsilon)
        return self.node("SkipLayerNormalization", [hidden, skip, gain, bias], CONTRIB, epsilon=epsilon)

    def pool(self, hidden: str) -> str:
        """Take the mean over the real tokens."""
        tokens, last = (self.constant(f"axis{i}", np.array([i], np.int64)) for i in (1, 2))
        mask = self.node("Cast", ["attention_mask"], to=_FLOAT32)
        masked = self.node("Mul", [hidden, self.node("Unsqueeze", [mask, last])])
        total = self.node("ReduceSum", [masked, tokens], keepdims=0)
        return self.node("Div", [total, self.node("ReduceSum", [mask, tokens], keepdims=1)])

    def node(
        self, kind: str, inputs: list[str], domain: str = "", *, output: str = "", **options: Any
    ) -> str:
        """Add a node with one output; give the output's name."""
        return self.nodes_out(kind, inputs, 1, domain, output=output, **options)[0]

    def nodes_out(
        self, kind: str, inputs: list[str], count: int, domain: str = "", *, output: str = "", **options: Any
    ) -> list[str]:
        """Add a node; give its outputs' names."""
        from onnx import helper

        outputs = [output or f"{kind}_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **options))
        return outputs

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Add an array under a name; give the name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def packed(self, name: str, nibbles: npt.NDArray[Any], shape: tuple[int, ...]) -> str:
        """Add signed 4-bit weights, two a byte; give the name."""
        from onnx import TensorProto, helper

        self.constants.append(helper.make_tensor(name, TensorProto.INT4, shape, nibbles.tobytes(), raw=True))
        return name
