"""PostgreSQL as the store: the same answers, told apart from what fails, and no password in any word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest
from conftest import CORPUS, GUIDANCE, FakeEncoder
from index_builds import corpus, unit_vectors
from stores import needs_postgres

from hds_bot import HdsBot
from hds_bot.bot import Asked, Settings, diff_index, index_state
from hds_bot.bot.answering import answer
from hds_bot.bot.question import clean_turns
from hds_bot.errors import IndexDamaged, IndexError_, IndexMismatch, InputError
from hds_bot.interfaces.cli import main
from hds_bot.stores import Store, open_store
from hds_bot.stores.postgres import PostgresStore
from hds_bot.stores.postgres.connections import told

QUESTIONS = Path(__file__).parent / "data" / "eval" / "questions.jsonl"
SECRET = "hunter-2"  # noqa: S105
pytestmark = needs_postgres
Admin = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def store(address: str) -> PostgresStore:
    return PostgresStore(address)


@pytest.fixture
def admin(address: str) -> Iterator[Admin]:
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def settings(corpus_copy: Path, tmp_path: Path, fake_encoder: FakeEncoder, address: str) -> Settings:
    return Settings(corpus_copy, tmp_path / "index", fake_encoder, address)


def build(store: Store, word: str = "texte") -> None:
    documents, passages = corpus(word=word)
    with store.build() as draft:
        draft.write(documents, passages, unit_vectors(12, word=word))
        draft.publish(version="1", encoder="fake", corpus_sha256=word, settings={})


def schemas(admin: Admin) -> list[object]:
    found = admin.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'hds!_bot%' ESCAPE '!'")
    return sorted(name for (name,) in found)


# -- the same answers ---------------------------------------------------------------------


@pytest.mark.slow
def test_the_guidance_s_questions_get_the_answers_that_the_folder_gives(
    bot: HdsBot, index_folder: Path, address: str
) -> None:
    other = HdsBot.build(corpus=CORPUS, index=index_folder, store=address)
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 180
    for line in lines:
        turns = clean_turns(json.loads(line)["turns"])
        reading = bot.snapshot.read(turns)
        one, two = (answer(b.snapshot, turns, {}, reading=reading) for b in (bot, other))
        assert (one.verdict, one.rule, one.missing) == (two.verdict, two.rule, two.missing)
        assert [c.passage for c in one.passages] == [c.passage for c in two.passages]
    mine, theirs = bot.snapshot.provenance, other.snapshot.provenance
    assert (mine.corpus, mine.rules, mine.encoder) == (theirs.corpus, theirs.rules, theirs.encoder)
    assert mine.index != theirs.index


def test_a_rebuild_encodes_only_what_is_new_and_the_bot_takes_it_with_its_next_question(
    settings: Settings, fake_encoder: FakeEncoder
) -> None:
    bot = HdsBot.build(
        corpus=settings.corpus, index=settings.index, encoder=fake_encoder, store=settings.store
    )
    began = bot.snapshot
    fake_encoder.passages.clear()
    (settings.corpus / "note.md").write_text("# Note\n\nUn hébergeur inconnu de tous.\n", encoding="utf-8")
    assert index_state(settings).changed == ("corpus",)
    HdsBot.build(corpus=settings.corpus, index=settings.index, encoder=fake_encoder, store=settings.store)
    assert len(fake_encoder.passages) == 1
    assert index_state(settings, verification="full").fresh
    assert "note" not in began.retriever.index.documents
    assert bot.document("note").text.endswith("tous.")
    assert bot.search("hébergeur inconnu de tous", 1)[0].passage.document == "note"


def test_a_diff_asks_on_both_sides_and_leaves_nothing(
    settings: Settings, admin: Admin, fake_encoder: FakeEncoder
) -> None:
    HdsBot.build(corpus=settings.corpus, index=settings.index, encoder=fake_encoder, store=settings.store)
    before = schemas(admin)
    (settings.corpus / f"{GUIDANCE}.md").write_text("# Rien\n\nPlus rien.\n", encoding="utf-8")
    diff = diff_index(settings, [Asked("q", "Une clinique doit-elle prendre un hébergeur HDS ?")])
    assert diff.lost
    assert [change.id for change in diff.answers] == ["q"]
    assert schemas(admin) == before


# -- one transaction ----------------------------------------------------------------------


def test_a_build_is_seen_by_nobody_before_it_is_published(store: PostgresStore, admin: Admin) -> None:
    build(store, "ancien")
    before = schemas(admin)
    with store.build() as draft:
        draft.write(*corpus(), unit_vectors(12))
        assert schemas(admin) == before
        assert store.manifest().corpus_sha256 == "ancien"
        draft.publish(version="1", encoder="fake", corpus_sha256="nouveau", settings={})
        assert store.manifest().corpus_sha256 == "nouveau"


def test_a_build_whose_connection_is_cut_leaves_the_old_index_and_gives_the_lock_back(
    store: PostgresStore, admin: Admin
) -> None:
    build(store, "ancien")
    before = schemas(admin)
    with pytest.raises(IndexError_, match="see that the server runs"):
        _cut_half_way(store, admin)
    assert (schemas(admin), store.manifest().corpus_sha256) == (before, "ancien")
    build(store, "nouveau")
    assert store.manifest().corpus_sha256 == "nouveau"


def _cut_half_way(store: PostgresStore, admin: Admin) -> None:
    with store.build() as draft:
        draft.write(*corpus(), unit_vectors(12))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 0"
        )
        draft.publish(version="1", encoder="fake", corpus_sha256="nouveau", settings={})


def test_the_generation_before_stays_and_older_ones_go_once_nobody_reads_them(
    store: PostgresStore, admin: Admin
) -> None:
    for word in ("un", "deux", "trois"):
        build(store, word)
    assert schemas(admin) == ["hds_bot", "hds_bot_2", "hds_bot_3"]
    with closing(store.open()) as reader:
        for word in ("quatre", "cinq", "six"):
            build(store, word)
        assert schemas(admin) == ["hds_bot", "hds_bot_3", "hds_bot_5", "hds_bot_6"]
        assert reader.documents["doc/0"].text.startswith("trois")
    build(store, "sept")
    assert schemas(admin) == ["hds_bot", "hds_bot_6", "hds_bot_7"]


def test_opening_begins_again_where_a_generation_went_meanwhile(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, "ancien")
    stale = store._in_force()
    for word in ("deux", "trois", "nouveau"):
        build(store, word)
    fresh = store._in_force()
    answers = iter([stale, fresh])
    monkeypatch.setattr(store, "_in_force", lambda: next(answers))
    with closing(store.open()) as index:
        assert index.manifest.corpus_sha256 == "nouveau"


# -- what fails is told -------------------------------------------------------------------


def test_connections_cut_between_two_questions_are_replaced(store: PostgresStore, admin: Admin) -> None:
    build(store)
    with closing(store.open()) as index:
        for _ in range(3):
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hds-bot'"
            )
            assert len(index.search(unit_vectors(1)[0], 5)[1]) == 5
            assert store.current() == index.generation


@pytest.mark.parametrize("table", ["documents", "passages", "vectors", "postings"])
def test_an_altered_row_is_found_by_a_full_check_which_names_the_table(
    store: PostgresStore, admin: Admin, table: str
) -> None:
    build(store)
    changes = {
        "documents": "text = text || '!'",
        "passages": "title = title || '!'",
        "vectors": "embedding = embedding * embedding",
        "postings": "weights = weights || 1::real",
    }
    admin.execute(f"UPDATE hds_bot_1.{table} SET {changes[table]}")
    store.open().close()
    with pytest.raises(IndexDamaged, match=f"{table}: altered since it was built"):
        store.open(verification="full")


@pytest.mark.parametrize("table", ["documents", "passages", "vectors"])
def test_missing_rows_are_found_by_any_check(store: PostgresStore, admin: Admin, table: str) -> None:
    build(store)
    admin.execute(
        f"DELETE FROM hds_bot_1.{table} WHERE ordinal = (SELECT max(ordinal) FROM hds_bot_1.{table})"
    )
    with pytest.raises(IndexDamaged, match=table):
        store.open()


def test_missing_tables_and_an_altered_manifest_are_refused_and_a_build_mends_them(
    store: PostgresStore, admin: Admin
) -> None:
    build(store)
    admin.execute("UPDATE hds_bot.generations SET manifest = replace(manifest, 'fake', 'faux')")
    with pytest.raises(IndexDamaged, match="manifest"):
        store.open()
    admin.execute("DROP SCHEMA hds_bot_1 CASCADE")
    with pytest.raises(IndexDamaged, match="hds-bot index build"):
        store.open()
    build(store)
    store.open(verification="full").close()


def test_an_index_of_another_encoder_is_refused_with_the_way_out(
    settings: Settings, fake_encoder: FakeEncoder
) -> None:
    HdsBot.build(corpus=settings.corpus, index=settings.index, encoder=fake_encoder, store=settings.store)
    other = FakeEncoder()
    other.identity = "other@1"
    with pytest.raises(IndexMismatch, match="other@1"):
        HdsBot.load(corpus=settings.corpus, index=settings.index, encoder=other, store=settings.store)


def test_a_user_may_read_what_was_granted_and_is_told_what_was_not(
    store: PostgresStore, admin: Admin, address: str
) -> None:
    role = f"reader_{admin.info.backend_pid}"
    admin.execute(f"CREATE ROLE {role} LOGIN")
    reader = PostgresStore(_as(address, role))
    with pytest.raises(IndexError_, match=r"lacks a right .*create extension"):
        build(reader)
    admin.execute(f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {role}")
    admin.execute(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}")
    for word in ("ancien", "nouveau"):
        build(store, word)
        with closing(reader.open(verification="full")) as index:
            assert index.manifest.corpus_sha256 == word
            assert len(index.search_words(word, 20)[1]) == 12
    with pytest.raises(IndexError_, match="lacks a right"):
        build(reader)
    admin.execute(f"DROP OWNED BY {role}")
    admin.execute(f"DROP ROLE {role}")


def _as(address: str, user: str) -> str:
    return address.replace("postgres:@", f"{user}:@")


def test_text_that_a_database_can_t_hold_is_told(store: PostgresStore) -> None:
    documents, passages = corpus(word="a\x00b")
    with pytest.raises(IndexError_, match="the database refused"), store.build() as draft:
        draft.write(documents, passages, unit_vectors(12))


@pytest.mark.parametrize(
    ("error", "next_step"),
    [
        (psycopg.errors.FeatureNotSupported('extension "vector" is not available'), "install pgvector there"),
        (psycopg.errors.ReadOnlySqlTransaction("read-only transaction"), "build on the primary"),
        (psycopg.errors.DiskFull("could not extend file"), "see that the server runs"),
        (psycopg.errors.SyntaxError("at or near"), "hds-bot index build"),
    ],
)
def test_what_a_server_lacks_is_told_with_what_to_do(error: psycopg.Error, next_step: str) -> None:
    with pytest.raises(IndexError_, match=next_step) as refused, told("postgresql://host/db"):
        raise error
    assert str(error) in str(refused.value)
    assert refused.value.where == "postgresql://host/db"


def test_ids_that_no_database_can_hold_are_unknown(store: PostgresStore) -> None:
    build(store)
    with closing(store.open()) as index:
        for odd in ("\x00", "\ud800"):
            with pytest.raises(KeyError):
                index.passage_by_id(odd)
            assert odd not in index.documents
            assert index.passages_of(odd) == ()


# -- addresses and passwords --------------------------------------------------------------


def test_a_server_that_does_not_answer_is_told_without_the_password(tmp_path: Path) -> None:
    address = f"postgresql://me:{SECRET}@127.0.0.1:1/guidance"
    settings = Settings(CORPUS, tmp_path, FakeEncoder(), address)
    assert SECRET not in repr(settings)
    with pytest.raises(IndexError_, match=r"postgresql://127.0.0.1:1/guidance: .*can't be used") as refused:
        HdsBot(settings)
    assert "see that the server runs" in str(refused.value)
    told: BaseException | None = refused.value
    while told:
        assert SECRET not in repr(told)
        told = told.__cause__ or told.__context__


@pytest.mark.parametrize(
    "address",
    [
        f"mysql://me:{SECRET}@host/db",
        f"{SECRET}",
        f"postgresql://me:p@{SECRET}@host/db",
        f"postgresql://me:p/{SECRET}@host/db",
        f"postgresql://me:{SECRET}@host/db?nonsense={SECRET}",
        f"postgresql://me:{SECRET}@[host/db",
        f"postgresql://me:{SECRET}@host:port/db",
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InputError, match="HDS_BOT_STORE") as refused:
        open_store(Path("index"), address)
    assert SECRET not in "".join(map(repr, (refused.value, refused.value.__cause__)))
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_command_line_takes_a_store_and_shows_where_it_is_without_the_password(
    tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build(PostgresStore(address))
    named = ["--corpus", str(CORPUS), "--index", str(tmp_path), "--store", _with_password(address)]
    assert main([*named, "index", "status", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["condition"], shown["passages"]) == ("stale", 12)
    assert shown["index"].startswith("postgresql://")
    assert main([*named, "ask", "HDS ?"]) == 1
    said = capsys.readouterr()
    assert "built with the encoder fake" in said.err
    assert SECRET not in json.dumps(shown) + said.err + said.out


def _with_password(address: str) -> str:
    return address.replace("postgres:@", f"postgres:{SECRET}@")


def test_the_environment_names_the_store(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDS_BOT_STORE", address)
    assert Settings.resolve().open_store().place.startswith("postgresql://")
    monkeypatch.setenv("HDS_BOT_STORE", "")
    assert Settings.resolve().open_store().place == str(Settings.resolve().index)


def test_vectors_written_in_blocks_are_read_back_bit_for_bit(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hds_bot.stores.postgres.draft._BATCH", 5)
    build(store)
    _, passages = corpus()
    with closing(store.open()) as index:
        known = index.vectors_for([passage.indexed_text for passage in passages])
    rows = np.stack([known[passage.indexed_text] for passage in passages])
    np.testing.assert_array_equal(rows, unit_vectors(12))


def test_where_words_are_too_common_to_be_summed_up_the_rarest_decide(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store)
    monkeypatch.setattr("hds_bot.stores.postgres.generation.MOST_POSTINGS", 1)
    with closing(store.open()) as index:
        assert len(index.search_words("texte santé", 12)[1]) == 12
        assert 0 < len(index.search_words("texte santé 2", 12)[1]) < 12
