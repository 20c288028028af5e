"""What happens to a text before it is tokenised, the same in both forms of the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers.normalizers import Normalizer

MAX_TOKENS = 512
"""Positions of the model, `<s>` and `</s>` included; what comes after is cut."""
MAX_CHARACTERS, MAX_WORD = 65_536, 4_096
"""Read at most, of a text and of a run without spaces: some ten times what fills 512 tokens."""
PROMPTS = {"query": "query: ", "passage": "passage: "}
"""What multilingual-e5 was trained to see before a question and before a passage."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def clean(text: str) -> str:
    """Make a text without lone surrogates, short enough to be tokenised quickly."""
    text = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= MAX_WORD:
        return text
    return " ".join(word[:MAX_WORD] for word in text.split())[:MAX_CHARACTERS]


def normalizer() -> Normalizer:
    """Make NFKC that drops control characters and plains odd spaces; `<s>` in a text stays text."""
    from tokenizers import normalizers

    spelled = [normalizers.Replace(token, f"< {token[1:]}") for token in SPECIAL]
    return normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), *spelled])
