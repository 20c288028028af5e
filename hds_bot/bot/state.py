"""Whether there is an index, and whether it still matches the corpus, the encoder and this version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import hds_bot
from hds_bot import corpus
from hds_bot.bot.serving import lacks_light_form
from hds_bot.bot.settings import Settings
from hds_bot.errors import IndexError_, IndexMissing
from hds_bot.index import Manifest, Verification

MAX_CHARS = 600
"""Longest passage, in characters."""
Part = Literal["corpus", "encoder", "version", "settings"]


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index as it stands; `changed` names what differs from what a build would take now."""

    condition: Literal["missing", "damaged", "stale", "fresh"]
    manifest: Manifest | None = None
    changed: tuple[Part, ...] = ()
    fault: str = ""
    """What is wrong, where there is no index to use."""

    @property
    def fresh(self) -> bool:
        """True where a build would change nothing."""
        return self.condition == "fresh"


def index_state(
    settings: Settings, *, verification: Verification = "quick", corpus_too: bool = True
) -> IndexState:
    """Look at the index without parsing a document; `full` hashes every file, the light encoder's too.

    Without `corpus_too` the corpus is not looked at. Raises CorpusError where its folder can't be.
    """
    try:
        with closing(settings.open_store().open(verification=verification)) as index:
            manifest = index.manifest
    except IndexError_ as error:
        return IndexState("missing" if isinstance(error, IndexMissing) else "damaged", fault=str(error))
    changed = changed_parts(manifest, settings, lacks_light=lacks_light_form(settings, verification))
    if corpus_too and manifest.corpus_sha256 != corpus.fingerprint(settings.corpus):
        changed = ("corpus", *changed)
    return IndexState("stale" if changed else "fresh", manifest, changed)


def build_settings() -> dict[str, str | int | float | bool]:
    """Give what shapes an index besides corpus, encoder and version, as its manifest records it."""
    return {"max_chars": MAX_CHARS, "code": _code()}


def changed_parts(manifest: Manifest, settings: Settings, *, lacks_light: bool) -> tuple[Part, ...]:
    """Name what else than the corpus differs from what a build would take now."""
    same: dict[Part, bool] = {
        "encoder": manifest.encoder == settings.encoder_identity and not lacks_light,
        "version": manifest.version == hds_bot.__version__,
        "settings": dict(manifest.settings) == build_settings(),
    }
    return tuple(part for part, is_same in same.items() if not is_same)


@cache
def _code() -> str:
    """Hash of the code that shapes passages and words: a checkout changes without a new version."""
    package = files("hds_bot")
    sources = [package / "lexical.py", package / "stop_words.txt", *_files(package / "corpus")]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _files(folder: Traversable) -> Iterator[Traversable]:
    for inside in sorted(folder.iterdir(), key=lambda inside: inside.name):
        if inside.is_dir():
            yield from _files(inside)
        elif inside.name.endswith(".py"):
            yield inside
