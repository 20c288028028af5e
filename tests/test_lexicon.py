"""The lexicon: concepts met in whatever form they are written, data refused where malformed, tables kept."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hds_bot.errors import RulesError
from hds_bot.facts import table_cache
from hds_bot.facts.compiling import Term, compile_tables
from hds_bot.facts.lexicon import Lexicon, load_lexicon
from hds_bot.facts.text import tokenise

HERE = Path(__file__).parent
CASES: list[dict[str, str]] = tomllib.loads((HERE / "data" / "facts_lexicon.toml").read_text("utf-8"))["case"]
FOUND = [case for case in CASES if "finds" in case]
MISSED = [case for case in CASES if "misses" in case]
PETS = b'[animal]\ncat = { fr = ["chat", "matou gris"], en = ["cat"] }\n'


def lexicon_of(**families: str) -> Lexicon:
    return Lexicon(compile_tables({f"{name}.toml": text.encode() for name, text in families.items()}))


def found(lexicon: Lexicon, text: str, language: str = "fr") -> dict[str, str]:
    """Concept to the words that it was met in."""
    tokens = tokenise(text)
    mentions = lexicon.find(tokens, language)
    return {m.concept.name: text[tokens[m.first].start : tokens[m.last].end] for m in mentions}


# -- the package's lexicon ----------------------------------------------------------------


@pytest.mark.parametrize("case", FOUND, ids=[case["text"] for case in FOUND])
def test_a_concept_is_met_in_the_words_that_people_write(case: dict[str, str]) -> None:
    mentions = found(load_lexicon(), case["text"], case.get("language", "fr"))
    assert mentions.get(case["finds"]) == case.get("at", case["text"])


@pytest.mark.parametrize("case", MISSED, ids=[case["text"] for case in MISSED])
def test_a_concept_is_not_met_in_words_that_only_look_like_it(case: dict[str, str]) -> None:
    assert case["misses"] in load_lexicon().concepts
    assert case["misses"] not in found(load_lexicon(), case["text"], case.get("language", "fr"))


def test_every_term_of_one_word_is_met_as_it_is_written() -> None:
    lexicon = load_lexicon()
    unmet = [
        (concept.name, term)
        for concept in lexicon.concepts.values()
        for language, terms in concept.terms.items()
        for term in terms
        if term.removeprefix("=").isalpha()
        and not any(m.concept == concept for m in lexicon.find(tokenise(term.removeprefix("=")), language))
    ]
    assert unmet == []


@pytest.mark.parametrize("word", ["assume", "settle", "parents", "autour", "bouche", "gardent", "courage"])
def test_a_real_word_that_looks_like_a_term_is_left_alone(word: str) -> None:
    assert load_lexicon().correct(word) is None


@pytest.mark.parametrize(
    ("slip", "word"), [("pasient", "patient"), ("hearth", "health"), ("dossie", "dossier")]
)
def test_a_slip_of_a_common_word_is_corrected_though_a_rare_word_lies_near(slip: str, word: str) -> None:
    assert load_lexicon().correct(slip) == word


# -- how terms are met --------------------------------------------------------------------


def test_a_gap_stands_for_up_to_three_words_within_a_sentence() -> None:
    lexicon = lexicon_of(pets='[animal]\nfed_cat = { fr = ["chat … nourri"] }\n')
    assert found(lexicon, "le chat nourri")
    assert found(lexicon, "le chat roux bien mal nourri") == {"pets.fed_cat": "chat roux bien mal nourri"}
    assert not found(lexicon, "le chat roux bien mal souvent nourri")
    assert not found(lexicon, "le chat dort, nourri")
    assert not found(lexicon, "le chat mais mal nourri")


def test_an_exact_term_bends_in_case_and_accents_alone() -> None:
    lexicon = lexicon_of(pets='[animal]\nset = { fr = ["=réels"] }\n')
    assert found(lexicon, "REELS")
    assert not found(lexicon, "réel")
    assert not found(lexicon, "réelles")


def test_an_acronym_of_two_letters_is_met_in_capitals_alone() -> None:
    lexicon = lexicon_of(pets='[animal]\nbird = { fr = ["=OI"] }\nfish = { fr = ["=POI"] }\n')
    assert [bool(found(lexicon, text)) for text in ("un OI", "un oi", "un POI", "un poi")] == [1, 0, 1, 1]


def test_a_mention_inside_a_longer_one_is_dropped_and_equal_ones_stay_together() -> None:
    lexicon = lexicon_of(
        pets='[animal]\ncat = { fr = ["chat"] }\ncat_house = { fr = ["maison du chat"] }\n',
        houses='[house]\nhut = { fr = ["maison du chat"] }\n',
    )
    assert found(lexicon, "la maison du chat") == {
        "pets.cat_house": "maison du chat",
        "houses.hut": "maison du chat",
    }


def test_a_word_of_the_other_language_is_met_in_its_plain_form_alone() -> None:
    lexicon = lexicon_of(pets='[animal]\nfeeding = { en = ["feeding"] }\n')
    assert found(lexicon, "le feeding", "fr")
    assert not found(lexicon, "le feed", "fr")
    assert found(lexicon, "the feed", "en")


def test_a_slip_is_forgiven_from_six_letters_and_two_from_ten() -> None:
    lexicon = lexicon_of(pets='[animal]\ndog = { fr = ["chien", "caniche", "dalmatienne"] }\n')
    slips = ["canihce", "canche", "canniche", "dlamatiene"]
    others = ["chein", "cnaihce", "maniche"]
    assert [word for word in slips + others if found(lexicon, word)] == slips


def test_a_listed_real_word_is_no_slip() -> None:
    files = {"pets.toml": b'[animal]\ndog = { fr = ["caniche"] }\n'}
    assert Lexicon(compile_tables(files)).correct("caliche") == "caniche"
    guarded = Lexicon(compile_tables(files | {"real_words.txt": b"# real\ncaliche\n"}))
    assert guarded.correct("caliche") is None


def test_of_two_near_words_the_most_used_is_meant() -> None:
    lexicon = lexicon_of(
        pets='[animal]\na = { fr = ["caliche"] }\nb = { fr = ["caniche", "caniche gris"] }\n'
    )
    assert lexicon.correct("cariche") == "caniche"


def test_the_terms_of_a_concept_widen_a_search_in_the_language_asked_for() -> None:
    lexicon = lexicon_of(pets='[animal]\ncat = { fr = ["chat", "chat … gris"], en = ["cat"] }\n')
    assert lexicon.spellings("pets.cat", "fr") == ("chat",)
    assert lexicon.spellings("pets.cat", "en") == ("cat",)


# -- malformed data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[animal\ncat = 1", "line 1"),
        (b'[animal]\ncat = { fr = ["\xff"] }', "can't decode"),
        (b"cat = 1", "'cat' is not"),
        (b"[animal]\ncat = 1", "'cat' is not"),
        (b'[animal]\ncat = { fr = "chat" }', "'cat' is not"),
        (b'[animal]\ncat = { de = ["Katze"] }', "'cat' is not"),
        (b"[animal]\ncat = { fr = [1] }", "'cat' is not"),
        (b'[animal]\ncat = { fr = [" "] }', "'cat' is not"),
        (b'[animal]\ncat = { fr = ["chat"] }\n[pet]\ncat = { fr = ["matou"] }', "'cat' stands in two"),
        ('[animal]\ncat = { fr = ["… chat"] }'.encode(), "no word to start from"),
        (b'[animal]\ncat = { fr = ["!"] }', "no word to start from"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_file_is_refused_with_its_name_and_the_next_step(content: bytes, words: str) -> None:
    with pytest.raises(RulesError, match=words) as refused:
        compile_tables({"pets.toml": content})
    assert refused.value.where == "lexicon/pets.toml"
    assert refused.value.next_step


# -- tables kept between runs -------------------------------------------------------------


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A small lexicon in place of the package's, to be changed."""
    files = {"pets.toml": PETS}
    monkeypatch.setattr(table_cache, "_lexicon_files", lambda: files)
    return files


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def compiled_anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each compilation."""
    runs: list[int] = []

    def counted(sources: Any) -> Any:
        runs.append(1)
        return compile_tables(sources)

    monkeypatch.setattr(table_cache, "compile_tables", counted)
    return runs


def test_a_packed_term_comes_back_whole() -> None:
    term = Term(7, ("fr:dossi", "…", "=x"), True, "fr", ("dossier", "…", "x"))
    assert Term.unpack(term.pack()) == term
    assert Term.unpack(term._replace(capitals=False).pack()) == term._replace(capitals=False)


def test_the_package_s_lexicon_is_the_same_kept_and_compiled(tmp_path: Path) -> None:
    compiled = Lexicon(table_cache.load_tables(tmp_path))
    again = Lexicon(table_cache.load_tables(tmp_path))
    assert len(kept(tmp_path)) == 1
    assert again.concepts == compiled.concepts
    texts = [case["text"] for case in CASES]
    assert [found(again, text) for text in texts] == [found(compiled, text) for text in texts]


def test_a_second_load_compiles_nothing(
    tmp_path: Path, few_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = compiled_anew(monkeypatch)
    table_cache.load_tables(tmp_path / "deep" / "down")
    table_cache.load_tables(tmp_path / "deep" / "down")
    assert len(runs) == 1


def test_a_changed_file_is_compiled_anew_and_the_old_tables_stay_for_those_who_use_them(
    tmp_path: Path, few_files: dict[str, bytes]
) -> None:
    table_cache.load_tables(tmp_path)
    few_files["pets.toml"] = PETS.replace(b'"chat"', b'"chien"')
    changed = Lexicon(table_cache.load_tables(tmp_path))
    assert found(changed, "un chien, un chat") == {"pets.cat": "chien"}
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("name", ["text.py", "compiling.py"])
def test_changed_code_compiles_anew(
    tmp_path: Path, few_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    table_cache.load_tables(tmp_path)
    monkeypatch.setitem(table_cache._COMPILERS, name, b"changed")
    runs = compiled_anew(monkeypatch)
    table_cache.load_tables(tmp_path)
    assert len(runs) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"changed"])
def test_damaged_tables_are_compiled_and_written_again(
    tmp_path: Path, few_files: dict[str, bytes], damage: bytes
) -> None:
    table_cache.load_tables(tmp_path)
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"matou", damage) if damage == b"changed" else damage)
    assert found(Lexicon(table_cache.load_tables(tmp_path)), "le matou gris")
    assert path.read_bytes() == whole


def test_where_nothing_can_be_written_the_lexicon_is_compiled_in_memory(
    tmp_path: Path, few_files: dict[str, bytes]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert found(Lexicon(table_cache.load_tables(tmp_path / "file")), "chat")
    assert kept(tmp_path) == [tmp_path / "file"]


def test_a_full_disk_leaves_no_draft_behind(
    tmp_path: Path, few_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert found(Lexicon(table_cache.load_tables(tmp_path)), "chat")
    assert kept(tmp_path) == []


def test_only_the_latest_tables_are_kept(tmp_path: Path, few_files: dict[str, bytes]) -> None:
    for number in range(table_cache.KEPT + 3):
        few_files["pets.toml"] = PETS + b"# %d\n" % number
        table_cache.load_tables(tmp_path)
    assert len(kept(tmp_path)) == table_cache.KEPT


def test_where_no_cache_folder_can_be_made_questions_are_read_all_the_same(tmp_path: Path) -> None:
    script = (
        "from hds_bot.facts import extract; print(extract(['Nous sommes un hôpital. HDS ?']).facts[1].value)"
    )
    (tmp_path / "file").touch()
    environment = os.environ | {"HOME": str(tmp_path / "file"), "XDG_CACHE_HOME": str(tmp_path / "file")}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", script],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.stdout.strip() == "establishment"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_cache_lies_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems have other folders")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    table_cache.load_tables()
    (path,) = kept(tmp_path)
    assert path.parent == tmp_path / "hds-bot" / "lexicon"
