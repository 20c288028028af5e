"""Where corpus and index lie, in which store, and which encoder reads them: given, else environment, else default."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from hds_bot import encoder as encoders
from hds_bot.errors import InputError
from hds_bot.stores import Store, open_store
from hds_bot.types import Encoder

_PACKAGE = Path(__file__).parents[1]
_CHECKOUT = _PACKAGE.parent
_MOST_THREADS = 256


@dataclass(frozen=True, slots=True)
class Settings:
    """Corpus folder, index folder, encoder (a name, a folder, or any object that encodes), and the store."""

    corpus: Path
    index: Path
    """With a database as store: of the encoder's light form, and of the last diff."""
    encoder: str | Encoder
    store: str = field(default="", repr=False)
    """Address of a database (it may hold a password); empty where the index lies in its folder."""

    @classmethod
    def resolve(
        cls,
        *,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        encoder: str | Encoder | None = None,
        store: str | None = None,
    ) -> Settings:
        """Take what is given, else HDS_BOT_CORPUS, _INDEX, _ENCODER and _STORE, else the defaults.

        Raises InputError for a store that is none, and where HDS_BOT_THREADS can't be.
        """
        _refuse_odd_threads(os.environ.get("HDS_BOT_THREADS", ""))
        if store:
            _refuse_odd_store(store)
        return cls(
            corpus=Path(corpus or os.environ.get("HDS_BOT_CORPUS") or _default_corpus()),
            index=Path(index or os.environ.get("HDS_BOT_INDEX") or _default_index()),
            encoder=encoder or os.environ.get("HDS_BOT_ENCODER") or encoders.DEFAULT,
            store=store or os.environ.get("HDS_BOT_STORE") or "",
        )

    def open_store(self) -> Store:
        """Give the store that the index lies in. Raises InputError where there is none of that kind."""
        return open_store(self.index, self.store)

    @property
    def encoder_identity(self) -> str:
        """Name and hash of the encoder, known without loading it."""
        return encoders.identity(self.encoder) if isinstance(self.encoder, str) else self.encoder.identity


def _refuse_odd_threads(asked: str) -> None:
    # The encoder reads it itself, and takes its default for what is no number.
    whole = asked.isdecimal() and len(asked) < 9
    if asked and not (whole and 1 <= int(asked) <= _MOST_THREADS):
        raise InputError(
            f"is no number of threads ({asked[:20]!r})",
            where="HDS_BOT_THREADS",
            next_step=f"set a whole number from 1 to {_MOST_THREADS}, or unset it",
        )


def _refuse_odd_store(given: str) -> None:
    try:
        open_store(Path(), given)
    except InputError as error:
        where = "--store" if error.where == "HDS_BOT_STORE" else error.where
        raise InputError(error.what, where=where, next_step=error.next_step) from None


def _default_corpus() -> Path:
    return _CHECKOUT / "corpus" if _is_checkout() else _PACKAGE / "_corpus"


def _default_index() -> Path:
    return _CHECKOUT / "index" if _is_checkout() else platformdirs.user_data_path("hds-bot") / "index"


def _is_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "corpus").is_dir()
