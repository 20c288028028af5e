"""What tests share: the real index of the real corpus with the real encoder, and a fast fake encoder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from stores import database, postgres_server

from hds_bot import HdsBot
from hds_bot.bot import Settings
from hds_bot.bot.serving import compile_if_absent
from hds_bot.stores import Store, open_store
from hds_bot.types import FloatArray, Progress

CORPUS = Path(__file__).parents[1] / "corpus"
GUIDANCE = "qui-doit-utiliser-un-hebergeur-hds"


class FakeEncoder:
    """Vectors drawn from a text's hash: equal for equal texts, without meaning. Counts what it encodes."""

    identity = "fake@1"
    dimension = 16

    def __init__(self) -> None:
        self.passages: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(-1, self.dimension)

    def encode_passages(self, texts: Sequence[str], *, progress: Progress | None = None) -> FloatArray:
        self.passages += texts
        if progress:
            progress(len(texts), len(texts))
        return self.encode_queries(texts)

    def _vector(self, text: str) -> FloatArray:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        drawn = np.random.default_rng(seed).standard_normal(self.dimension)
        return (drawn / np.linalg.norm(drawn)).astype(np.float32)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HDS_BOT_CORPUS", "HDS_BOT_INDEX", "HDS_BOT_ENCODER", "HDS_BOT_STORE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real index: the repository's corpus, the default encoder in its light form."""
    root = tmp_path_factory.mktemp("real") / "index"
    compile_if_absent(Settings.resolve(corpus=CORPUS, index=root))
    HdsBot.build(corpus=CORPUS, index=root)
    return root


@pytest.fixture(scope="session")
def bot(index_folder: Path) -> HdsBot:
    """The bot over the real index."""
    return HdsBot.load(corpus=CORPUS, index=index_folder)


@pytest.fixture
def fake_encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def corpus_copy(tmp_path: Path) -> Path:
    """The repository's corpus, free to be changed."""
    return Path(shutil.copytree(CORPUS, tmp_path / "corpus"))


@pytest.fixture
def fake_settings(corpus_copy: Path, tmp_path: Path, fake_encoder: FakeEncoder) -> Settings:
    """A corpus to change, an index to build, an encoder without meaning."""
    return Settings(corpus_copy, tmp_path / "index", fake_encoder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server that runs as long as the tests."""
    with postgres_server() as address:
        yield address


@pytest.fixture
def address(postgres: str) -> Iterator[str]:
    """Address of an empty database."""
    with database(postgres) as address:
        yield address


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store: the folder, or what a test is parametrised with."""
    kind = getattr(request, "param", "folder")
    return open_store(tmp_path / "index", "" if kind == "folder" else request.getfixturevalue("address"))
