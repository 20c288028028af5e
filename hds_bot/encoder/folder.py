"""The default model as an ordinary sentence-transformers folder: float32 weights, tokenizer, prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hds_bot.encoder.text import MAX_TOKENS, PROMPTS, SPECIAL, normalizer
from hds_bot.encoder.weights import Piece, Shape, Weights
from hds_bot.types import FloatArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Tokenizer

_NAMES = {
    "emb.word": "embeddings.word_embeddings",
    "emb.pos": "embeddings.position_embeddings",
    "emb.type": "embeddings.token_type_embeddings",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def write_folder(target: Path, weights: Weights) -> None:
    """Write into the folder `target` what `SentenceTransformer(target)` loads; OSError if it can't."""
    _save_tensors(target / "model.safetensors", _state(weights))
    tokenizer = reference_tokenizer(weights.pieces).to_str()
    (target / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    for name, content in _configuration(weights.shape).items():
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def reference_tokenizer(pieces: Sequence[Piece]) -> Tokenizer:
    """Make the whole tokenizer, `<s> pieces </s>`; the light one in `pieces.py` gives the same ids."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    vocabulary = [(piece.text, piece.score) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=SPECIAL.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    return tokenizer


def _save_tensors(path: Path, state: dict[str, FloatArray]) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file(state, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error


def _state(weights: Weights) -> dict[str, FloatArray]:
    """Tensors under the names and in the shapes of `transformers.BertModel`, which has no pooler here."""
    hidden = weights.shape.hidden
    state = {f"{name}.w" if name in _NAMES else name: v for name, v in weights.vectors.items()}
    state |= {f"{name}.w" if name in _NAMES else name: m.to_float() for name, m in weights.matrices.items()}
    tables = ("emb.pos.w", "emb.type.w")
    return {_name(k): v.reshape(-1, hidden) if k in tables else v for k, v in state.items()}


def _name(name: str) -> str:
    """`l3.q.w` is `encoder.layer.3.attention.self.query.weight`."""
    stem, _, end = name.rpartition(".")
    leaf = {"w": "weight", "b": "bias"}[end]
    if stem in _NAMES:
        return f"{_NAMES[stem]}.{leaf}"
    layer, _, part = stem.partition(".")
    return f"encoder.layer.{layer.removeprefix('l')}.{_NAMES[part]}.{leaf}"


def _configuration(shape: Shape) -> dict[str, Any]:
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.inner,
            "vocab_size": shape.vocabulary,
            "max_position_embeddings": shape.positions,
            "type_vocab_size": shape.types,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "pad_token_id": SPECIAL.index("<pad>"),
            "dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            # A text that spells `<s>` is a text: without this a visitor could write control tokens.
            "split_special_tokens": True,
            "bos_token": "<s>",
            "cls_token": "<s>",
            "eos_token": "</s>",
            "sep_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "mask_token": "<mask>",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "sentence_bert_config.json": {
            "max_seq_length": MAX_TOKENS,
            "do_lower_case": False,
            "model_args": {"add_pooling_layer": False},
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": shape.hidden,
            "pooling_mode_mean_tokens": True,
        },
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": {**PROMPTS, "document": PROMPTS["passage"]},
            "similarity_fn_name": "cosine",
        },
    }
