"""A folder of files to documents: found, loaded, read by suffix, described by their metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hds_bot.corpus.content import Content, Metadata
from hds_bot.corpus.decoding import decode
from hds_bot.corpus.files import SIDE_SUFFIX, find_files, leaves, load, name_of
from hds_bot.corpus.metadata import parse_metadata
from hds_bot.corpus.quotes import fold
from hds_bot.corpus.readers import READERS, Reader
from hds_bot.errors import CorpusError
from hds_bot.types import Document, Progress, Section

# Kept in the file for whoever maintains it; `Document` has no place for it.
_NOT_CARRIED = ("retrieved",)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Every document of a folder, what was left out and why, and one hash over all its files."""

    documents: tuple[Document, ...]
    """Sorted by id; superseded ones are here too, told apart by their status."""
    left_out: tuple[tuple[str, str], ...]
    """(path inside the corpus, reason): unknown formats, and bad documents where `keep_going`."""
    sha256: str
    """Over the relative path and the bytes of each document and side file."""


def read_corpus(
    folder: Path,
    *,
    keep_going: bool = False,
    known: Iterable[Document] = (),
    progress: Progress | None = None,
) -> Corpus:
    """Read every document below a folder; `progress` is called with (done, total) after each file.

    A document of `known`, read before, is taken as it is where its file is still the same.
    Raises `CorpusError` where the folder has no document, or at the first document that can't be read,
    unless `keep_going`: then it is listed in `left_out` with the reason.
    """
    sources, left_out = _sort_out(folder)
    before = {document.id: document for document in known}
    documents: dict[str, Document] = {}
    hashes: list[str] = []
    for done, path in enumerate(sources, 1):
        try:
            document = _read(path, folder, before, taken=documents)
            documents[document.id] = document
            hashes.append(document.sha256)
        except CorpusError as error:
            if not keep_going:
                raise
            left_out.append((_shown(path, folder), error.what))
            hashes.append(_hash_of(path, folder))
        if progress:
            progress(done, len(sources))
    if not documents:
        raise _nothing_to_read(folder, left_out)
    ordered = tuple(documents[key] for key in sorted(documents))
    return Corpus(ordered, tuple(sorted(left_out)), _join_hashes(sources, folder, hashes))


def read_document(path: Path, *, root: Path) -> Document:
    """Read one file of a corpus folder; raises `CorpusError` naming the file, the fault and the remedy."""
    return _read(path, root, {})


def fingerprint(folder: Path) -> str:
    """Give the `Corpus.sha256` that reading the folder now would give, without parsing any document."""
    sources, _ = _sort_out(folder)
    return _join_hashes(sources, folder, [_hash_of(path, folder) for path in sources])


# -- which files --------------------------------------------------------------------------


def _sort_out(folder: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Part the files to read from those to ignore, with the reason."""
    files = find_files(folder)
    sources = [path for path in files if _is_source(path, folder)]
    described = {_side_path(path) for path in sources}
    ignored = [path for path in files if path not in described and not _is_source(path, folder)]
    return sources, [(_shown(path, folder), _why_ignored(path)) for path in ignored]


def _is_source(path: Path, folder: Path) -> bool:
    # A link out of the corpus is no document either, but it must be refused, not passed over.
    return (path.suffix.lower() in READERS and not path.is_dir()) or leaves(path, folder)


def _why_ignored(path: Path) -> str:
    if path.is_dir():
        return "a link to a folder is not followed"
    if path.name.endswith(SIDE_SUFFIX):
        return "a side file without its document"
    return f"unknown format `{path.suffix}`"


def _side_path(path: Path) -> Path:
    return path.with_name(path.stem + SIDE_SUFFIX)


def _nothing_to_read(folder: Path, left_out: list[tuple[str, str]]) -> CorpusError:
    reasons = "".join(f"\n    {name}: {reason}" for name, reason in left_out[:5])
    return CorpusError(
        f"no readable document{reasons}",
        where=str(folder),
        next_step=f"put a document there, as one of: {', '.join(READERS)}",
    )


# -- one file -----------------------------------------------------------------------------


def _read(path: Path, root: Path, before: Mapping[str, Document], *, taken: Collection[str] = ()) -> Document:
    if (id_ := _id(path, root)) in taken:
        raise CorpusError(
            "another file has the same name but for the suffix",
            where=str(path),
            next_step="rename one of them",
        )
    data, side = load(path, root), _load_side_file(path, root)
    sha256 = _hash(path, data, side)
    if id_ in before and before[id_].sha256 == sha256:
        return before[id_]
    content = _call(_reader_for(path), data, path)
    if not content.text.strip():
        raise CorpusError("the document has no text", where=str(path), next_step="fill it or remove it")
    return _document(id_, path, content, _metadata(content.metadata, side, path), sha256=sha256)


def _id(path: Path, root: Path) -> str:
    name = name_of(path.with_suffix(""), root)
    if not name.isprintable():
        raise CorpusError(
            "the file name has characters that can't be shown",
            where=_shown(path, root),
            next_step="rename the file",
        )
    return name


def _shown(path: Path, root: Path) -> str:
    name = name_of(path, root)
    return name if name.isprintable() else ascii(name)


def _load_side_file(path: Path, root: Path) -> bytes | None:
    side = _side_path(path)
    return load(side, root) if side.exists() else None


def _reader_for(path: Path) -> Reader:
    if reader := READERS.get(path.suffix.lower()):
        return reader
    raise CorpusError(
        f"no reader for `{path.suffix}` files", where=str(path), next_step=f"use one of: {', '.join(READERS)}"
    )


def _call(reader: Reader, data: bytes, path: Path) -> Content:
    try:
        return reader(data, str(path))
    except RecursionError as error:
        raise CorpusError(
            "nested too deep to be read", where=str(path), next_step="flatten its lists or tables"
        ) from error
    except ModuleNotFoundError as error:
        raise CorpusError(
            f"the library that reads it is not installed: {error.name}",
            where=str(path),
            next_step="pip install 'hds-bot[build]'",
        ) from error


def _metadata(own: Metadata, side: bytes | None, path: Path) -> Metadata:
    """Join what a document says about itself and its side file, which wins."""
    if side is None:
        return own
    where = str(_side_path(path))
    return {**own, **parse_metadata(decode(side, where), where)}


def _document(id_: str, path: Path, content: Content, metadata: Metadata, *, sha256: str) -> Document:
    carried: dict[str, Any] = {key: value for key, value in metadata.items() if key not in _NOT_CARRIED}
    title = carried.pop("title", "") or _first_heading(content) or path.stem
    return Document(
        id=id_,
        title=title,
        text=content.text,
        sections=tuple(_below_title(section, title) for section in content.sections),
        pages=content.pages,
        sha256=sha256,
        **carried,
    )


def _first_heading(content: Content) -> str:
    return next((section.path[0] for section in content.sections if section.path), "")


def _below_title(section: Section, title: str) -> Section:
    """Drop a first heading that repeats the document's title: it says nothing in a path."""
    if section.path and fold(section.path[0]) == fold(title):
        return replace(section, path=section.path[1:])
    return section


# -- hashes -------------------------------------------------------------------------------


def _hash(path: Path, data: bytes, side: bytes | None) -> str:
    """Hash all that decides how a document reads: its format, its bytes, its side file's."""
    parts = (path.suffix.lower().encode(), data, side or b"")
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _hash_of(path: Path, root: Path) -> str:
    try:
        return _hash(path, load(path, root), _load_side_file(path, root))
    except CorpusError as error:
        return error.what


def _join_hashes(sources: list[Path], root: Path, hashes: list[str]) -> str:
    lines = (f"{name_of(path, root)}\0{digest}\n" for path, digest in zip(sources, hashes, strict=True))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
