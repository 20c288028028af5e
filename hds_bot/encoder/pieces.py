"""Text to ids without loading the vocabulary: only the pieces that occur in a word are looked up.

A Unigram segmentation of a word depends on nothing but the pieces that are substrings of it, so a small
`tokenizers` model made of those gives the ids of the whole one. The table is a read-only SQLite file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock

from hds_bot.encoder.text import MAX_TOKENS, SPECIAL, normalizer
from hds_bot.encoder.weights import Piece

START, END, UNKNOWN = (SPECIAL.index(token) for token in ("<s>", "</s>", "<unk>"))
_SPACE = "▁"
_UNKNOWN_PIECE = " "
"""Stands for the unknown in a small model: no word holds a space."""
_WINDOW = 2_048
"""Characters looked up at a time, so that a long text costs no more than its first 512 tokens."""
_REMEMBERED, _SHORT = 20_000, 32
"""Words whose ids are kept, and how long such a word may be: a few megabytes at most."""
_SCHEMA = """
CREATE TABLE piece (text TEXT PRIMARY KEY, id INTEGER NOT NULL, score REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE bounds (longest INTEGER NOT NULL, text TEXT NOT NULL, id INTEGER NOT NULL, score REAL NOT NULL);
"""
_FIND = "SELECT text, id, score FROM piece WHERE text IN (SELECT value FROM json_each(?))"


def write_pieces(target: Path, pieces: Sequence[Piece]) -> None:
    """Write the vocabulary, special tokens left out, as a table by text."""
    rows = sorted(
        (piece.text, id_, piece.score) for id_, piece in enumerate(pieces) if piece.text not in SPECIAL
    )
    longest = max(len(text) for text, *_ in rows)
    with closing(sqlite3.connect(target)) as table:
        table.executescript(_SCHEMA)
        table.executemany("INSERT INTO piece VALUES (?, ?, ?)", rows)
        table.execute("INSERT INTO bounds VALUES (?, ?, ?, ?)", (longest, *min(rows, key=lambda row: row[2])))
        table.commit()
        table.execute("VACUUM")


class PieceTokenizer:
    """The ids of the whole tokenizer, from a table that opens in a few milliseconds; safe between threads."""

    def __init__(self, path: Path) -> None:
        self._normalizer = normalizer()
        self._lock = Lock()
        self._words: dict[str, list[int]] = {}
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._table = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._longest, *self._lowest = self._table.execute("SELECT * FROM bounds").fetchone()

    def encode(self, text: str) -> list[int]:
        """`<s>`, at most 510 ids of the text, `</s>`."""
        words = [_SPACE + word for word in self._normalizer.normalize_str(text).split()]
        ids: list[int] = []
        for window in _windows(words):
            ids += self._ids(window)
            if len(ids) >= MAX_TOKENS:
                break
        return [START, *ids[: MAX_TOKENS - 2], END]

    def _ids(self, words: list[str]) -> Iterator[int]:
        with self._lock:
            known = {word: self._words[word] for word in words if word in self._words}
            if fresh := {*words} - known.keys():
                known |= self._segment(fresh)
                self._remember(known)
        return (id_ for word in words for id_ in known[word])

    def _segment(self, words: set[str]) -> dict[str, list[int]]:
        """Give the ids of each word by a Unigram model of just the pieces that can occur in them."""
        from tokenizers.models import Unigram

        found = self._find({part for word in words for part in _substrings(word, self._longest)})
        model = Unigram([(_UNKNOWN_PIECE, 0.0), *((text, score) for text, _, score in found)], unk_id=0)
        ids = [UNKNOWN, *(id_ for _, id_, _ in found)]
        return {word: [ids[token.id] for token in model.tokenize(word)] for word in words}

    def _remember(self, known: dict[str, list[int]]) -> None:
        if len(self._words) >= _REMEMBERED:
            self._words.clear()
        self._words |= {word: ids for word, ids in known.items() if len(word) <= _SHORT}

    def _find(self, texts: set[str]) -> list[tuple[str, int, float]]:
        """Find the pieces among `texts`, and the lowest-scored of all: it sets what the unknown costs."""
        found = self._table.execute(_FIND, (json.dumps(list(texts)),)).fetchall()
        return [*found, tuple(self._lowest)]


def _windows(words: Iterable[str]) -> Iterator[list[str]]:
    window: list[str] = []
    size = 0
    for word in words:
        window.append(word)
        size += len(word)
        if size >= _WINDOW:
            yield window
            window, size = [], 0
    yield window


def _substrings(word: str, longest: int) -> Iterator[str]:
    ends = len(word)
    return (word[i:j] for i in range(ends) for j in range(i + 1, min(i + longest, ends) + 1))
