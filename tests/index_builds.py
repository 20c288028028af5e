"""Small generations for the tests of the index, each of whose parts tells which build it belongs to."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from hds_bot.index import Index, Manifest, new_generation
from hds_bot.types import Document, FloatArray, Passage, Section

DIMENSION = 16


def unit_vectors(count: int, *, word: str = "texte") -> FloatArray:
    """Unit vectors drawn from a word."""
    drawn = (
        np.random.default_rng(zlib.crc32(word.encode())).normal(size=(count, DIMENSION)).astype(np.float32)
    )
    unit: FloatArray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def corpus(documents: int = 3, each: int = 4, *, word: str = "texte") -> tuple[list[Document], list[Passage]]:
    """Documents `doc/0`, `doc/1`…, each of `each` passages of one line that begins with the word."""
    made = [_document(number, each, word) for number in range(documents)]
    return [document for document, _ in made], [passage for _, some in made for passage in some]


def build(root: Path, *, word: str = "texte", documents: int = 3, each: int = 4) -> Manifest:
    """Publish a small generation whose every part depends on the word."""
    made, passages = corpus(documents, each, word=word)
    with new_generation(root) as generation:
        generation.write(made, passages, unit_vectors(len(passages), word=word))
        (generation.path / "extra").mkdir()
        (generation.path / "extra" / "words.txt").write_text(word, encoding="utf-8")
        return generation.publish(version="1", encoder="fake", corpus_sha256=word, settings={"size": 600})


def word_of(index: Index) -> str:
    """Check that manifest, texts and vectors are of one build of twelve passages; give its word."""
    word = index.manifest.corpus_sha256
    assert {passage.text.split()[0] for passage in index.passages(range(12))} == {word}
    assert index.search(unit_vectors(12, word=word)[7], 1)[1].tolist() == [7]
    return word


def tree(root: Path) -> dict[str, bytes]:
    """Every file of an index folder but the lock, with its bytes."""
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "LOCK")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def folders(root: Path) -> list[str]:
    """Names of what lies beside the generation in force, itself included."""
    return sorted(path.name for path in (root / "generations").glob("*"))


def _document(number: int, each: int, word: str) -> tuple[Document, list[Passage]]:
    name, title = f"doc/{number}", f"Titre {number}"
    lines = [f"{word} {number}.{line} : donnée de santé n° {line}" for line in range(each)]
    text = "\n".join(lines)
    document = Document(
        id=name,
        title=title,
        text=text,
        source="https://exemple.fr/é",
        date="2026-01-31",
        publisher="Agence",
        licence="Etalab 2.0",
        authority="law" if number == 0 else "guide",
        status="superseded" if number == 2 else "in_force",
        tags=("soins", f"n{number}"),
        sections=(Section(("Titre", "Sous-titre"), 0, len(text)),),
        pages=(0, 10),
        sha256="ab" * 32,
    )
    starts = [text.index(line) for line in lines]
    return document, [
        Passage(f"{number:08x}{at:08x}", name, title, ("Titre",), line, at, at + len(line))
        for line, at in zip(lines, starts, strict=True)
    ]
