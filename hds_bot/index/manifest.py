"""What a generation says of itself, and the check that it is so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hds_bot.errors import IndexDamaged, IndexMismatch
from hds_bot.index.generations import BUILD, unreadable

FORMAT = 1
NAME = "manifest.json"
Setting = str | int | float | bool
Verification = Literal["full", "quick"]
"""full: hash every file; quick: every size, and hash every file that takes less than 50 ms."""
_QUICK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """Size and SHA-256 of one file."""

    bytes: int
    sha256: str


class Counts(NamedTuple):
    """What was written into a generation."""

    documents: int
    passages: int
    dimension: int
    passages_sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a generation comes from and the seal of each of its files, by POSIX path inside it."""

    format: int
    version: str
    """Of hds-bot, when it was built."""
    created: str
    """ISO 8601, UTC; no part of `content`."""
    encoder: str
    dimension: int
    settings: Mapping[str, Setting]
    corpus_sha256: str
    passages_sha256: str
    documents: int
    passages: int
    files: Mapping[str, Seal]

    @classmethod
    def of(
        cls,
        counts: Counts,
        *,
        version: str,
        encoder: str,
        corpus: str,
        settings: Mapping[str, Setting],
        files: Mapping[str, Seal],
    ) -> Manifest:
        """Describe what was just built, in the format and at the time of now."""
        return cls(
            format=FORMAT,
            version=version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            encoder=encoder,
            dimension=counts.dimension,
            settings=dict(settings),
            corpus_sha256=corpus,
            passages_sha256=counts.passages_sha256,
            documents=counts.documents,
            passages=counts.passages,
            files=files,
        )

    @property
    def content(self) -> str:
        """SHA-256 of everything but the date: equal for equal indexes."""
        described = {name: value for name, value in asdict(self).items() if name != "created"}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """Give it as JSON, for `parse`."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2, sort_keys=True)

    def write(self, folder: Path) -> None:
        """Write it into its generation's folder."""
        (folder / NAME).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read strictly. Raises IndexDamaged where malformed or altered, IndexMismatch where of another format."""
        path = folder / NAME
        try:
            data = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error
        manifest = cls.parse(data, where=str(path))
        if not folder.name.startswith(manifest.content[:12]):
            raise _damaged(path, "was altered since it was built")
        return manifest

    @classmethod
    def parse(cls, written: str | bytes, *, where: str) -> Manifest:
        """Read what `to_json` gave, as strictly; `where` it was is for messages."""
        try:
            data = json.loads(written)
            _refuse_other_format(data, where)
            return cls(
                **{**data, "files": {name: Seal(**seal) for name, seal in data["files"].items()}}
            )._typed()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise unreadable(where, error) from error

    def _typed(self) -> Manifest:
        numbers = ("format", "dimension", "documents", "passages")
        for field in fields(self):
            kind = int if field.name in numbers else dict if field.name in ("settings", "files") else str
            if not isinstance(getattr(self, field.name), kind):
                raise TypeError(f"{field.name} is no {kind.__name__}")
        return self


def seal_files(folder: Path) -> dict[str, Seal]:
    """Seal every file below a folder, the manifest apart."""
    return {name: Seal((folder / name).stat().st_size, _sha256(folder / name)) for name in _names(folder)}


def verify(folder: Path, manifest: Manifest, verification: Verification) -> None:
    """Check that a generation holds just what its manifest seals. Raises IndexDamaged, naming the file."""
    for name in sorted(set(manifest.files) ^ set(_names(folder))):
        raise _damaged(folder / name, "is missing" if name in manifest.files else "is no part of the index")
    for name, seal in manifest.files.items():
        _verify_file(folder / name, seal, hashed=verification == "full" or seal.bytes <= _QUICK_BYTES)


def _verify_file(path: Path, seal: Seal, *, hashed: bool) -> None:
    if path.stat().st_size != seal.bytes:
        raise _damaged(path, f"has {path.stat().st_size} bytes instead of {seal.bytes}")
    if hashed and _sha256(path) != seal.sha256:
        raise _damaged(path, "was altered since it was built")


def _refuse_other_format(data: Mapping[str, Any], where: str) -> None:
    if data["format"] != FORMAT:
        raise IndexMismatch(
            f"has format {data['format']!r}; this version of hds-bot reads {FORMAT}",
            where=where,
            next_step=BUILD,
        )


def _names(folder: Path) -> Iterable[str]:
    files = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    return [name for name in files if name != NAME]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, what: str) -> IndexDamaged:
    return IndexDamaged(what, where=str(path), next_step=BUILD)
