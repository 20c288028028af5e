"""The HTTP door: what it promises in OpenAPI, what it refuses, and that a refusal costs nothing else."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator
from starlette.types import Message

from hds_bot import HdsBot
from hds_bot.bot import Settings
from hds_bot.errors import InputError
from hds_bot.interfaces import cli, models
from hds_bot.interfaces.http_api import Policy, create_app
from hds_bot.interfaces.http_api.guard import Rate
from hds_bot.render import to_dict

CLINIC = "Une clinique doit-elle prendre un hébergeur HDS ?"
NURSE = "Je suis infirmier libéral, me faut-il un hébergeur HDS ?"
SECRET = "a-key-that-nobody-guesses"  # noqa: S105
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
RECORD = Path(__file__).parents[1] / "hds_bot" / "render" / "data" / "record.schema.json"


@pytest.fixture(scope="module")
def client(bot: HdsBot) -> Iterator[TestClient]:
    with TestClient(create_app(bot), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def client_with(bot: HdsBot, **policy: Any) -> TestClient:
    return TestClient(create_app(bot, Policy(**policy)), base_url="http://127.0.0.1")


# -- the contract -------------------------------------------------------------------------


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app behind a real socket of the loopback."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.mark.slow
def test_schemathesis_finds_nothing_with_all_its_checks(fake_settings: Settings, tmp_path: Path) -> None:
    settings = fake_settings
    bot = HdsBot.build(corpus=settings.corpus, index=settings.index, encoder=settings.encoder)
    with served(create_app(bot, Policy(keys=(SECRET,), requests_per_minute=10**9))) as address:
        options = ["--checks", "all", "--max-examples", "10", "--seed", "1", "--no-color"]
        command = [
            SCHEMATHESIS,
            "run",
            f"{address}/openapi.json",
            "-H",
            f"Authorization: Bearer {SECRET}",
            *options,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "11 selected / 11 total" in done.stdout


def test_an_answer_is_the_bot_s_own_in_the_published_shape(client: TestClient, bot: HdsBot) -> None:
    for turns, known in (([CLINIC], {}), ([NURSE], {}), ([NURSE], {"teleconsults": True})):
        answered = client.post("/v1/ask", json={"turns": turns, "known_facts": known}).json()
        assert answered == to_dict(bot.ask(turns, known_facts=known))
        models.Answer.model_validate(answered)


def test_the_models_and_the_record_schema_name_the_same_fields(bot: HdsBot) -> None:
    record = json.loads(RECORD.read_bytes())["$defs"]["answer"]
    assert list(models.Answer.model_fields) == list(record["properties"])
    content = to_dict(bot.ask([NURSE]))
    Draft202012Validator(models.Answer.model_json_schema()).validate(content)


def test_the_examples_of_the_openapi_document_are_answered(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    shown = {path: operations["post"] for path, operations in paths.items() if "post" in operations}
    assert set(shown) == {"/v1/ask", "/v1/search", "/v1/batch"}
    for path, operation in shown.items():
        for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200


def test_the_answer_is_in_the_language_asked_for(client: TestClient) -> None:
    asked = {"turns": ["Hospital HDS?"], "language": "en"}
    assert client.post("/v1/ask", json=asked).json()["language"] == "en"
    row = client.post("/v1/batch", json={"questions": [{"id": 1, **asked}]}).json()
    assert row["language"] == "en"


def test_a_search_names_places_that_can_be_read_again(client: TestClient) -> None:
    found = client.post("/v1/search", json={"query": "anonymisation", "k": 3}).json()
    assert [hit["rank"] for hit in found["passages"]] == [1, 2, 3]
    for hit in found["passages"]:
        passage = client.get(f"/v1/passages/{hit['id']}").json()
        document = client.get(f"/v1/documents/{hit['document']}").json()
        assert passage["text"] == hit["text"] == document["text"][hit["start"] : hit["end"]]


def test_lists_lead_to_each_of_their_entries(client: TestClient) -> None:
    for kind in ("rules", "documents"):
        entries = client.get(f"/v1/{kind}").json()[kind]
        assert entries
        for entry in entries:
            assert client.get(f"/v1/{kind}/{entry['id']}").json()["id"] == entry["id"]


def test_a_batch_keeps_its_order_and_tells_a_bad_question_in_its_place(client: TestClient) -> None:
    questions = [
        {"id": "a", "turns": [CLINIC]},
        {"id": 2, "turns": ["\u200ea"]},
        {"id": "c", "turns": [NURSE]},
    ]
    questions[1]["turns"] = ["a" * 15_000, "b" * 15_000]
    response = client.post("/v1/batch", json={"questions": questions})
    rows = [json.loads(line) for line in response.text.splitlines()]
    assert [row["id"] for row in rows] == ["a", 2, "c"]
    assert "20,000" in rows[1]["error"]
    assert rows[2]["verdict"] == "a_preciser"


# -- refusals -----------------------------------------------------------------------------

BAD_REQUESTS: dict[str, tuple[str, Any, str]] = {
    "no turns": ("/v1/ask", {}, "/turns"),
    "an unknown field": ("/v1/ask", {"turns": ["oui"], "turn": 1}, "/turn"),
    "a turn that is a number": ("/v1/ask", {"turns": [3]}, "/turns/0"),
    "a turn without letters": ("/v1/ask", {"turns": ["???"]}, "/turns/0"),
    "too many turns": ("/v1/ask", {"turns": ["oui"] * 51}, "/turns"),
    "too long a turn": ("/v1/ask", {"turns": ["a" * 20_001]}, "/turns/0"),
    "a fact that isn't there": ("/v1/ask", {"turns": ["oui"], "known_facts": {"x": True}}, "/known_facts/x"),
    "a value no fact takes": (
        "/v1/ask",
        {"turns": ["oui"], "known_facts": {"teleconsults": "yes"}},
        "/known_facts/teleconsults",
    ),
    "a language it doesn't speak": ("/v1/ask", {"turns": ["oui"], "language": "de"}, "/language"),
    "a k of none": ("/v1/search", {"query": "oui", "k": 0}, "/k"),
    "a k that is a word": ("/v1/search", {"query": "oui", "k": "5"}, "/k"),
    "an empty batch": ("/v1/batch", {"questions": []}, "/questions"),
    "a lone surrogate": ("/v1/ask", {"turns": ["\ud800a"]}, "/turns/0"),
}


@pytest.mark.parametrize("what", BAD_REQUESTS)
def test_a_refused_request_names_the_field_and_the_next_is_answered(client: TestClient, what: str) -> None:
    path, body, field = BAD_REQUESTS[what]
    headers = {"content-type": "application/json"}
    response = client.post(path, content=json.dumps(body), headers=headers)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert field in [error["pointer"] for error in response.json()["errors"]]
    assert client.post("/v1/ask", json={"turns": [CLINIC]}).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"turns": [' + b"9" * 5000 + b"]}"])
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/ask", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_whole_number_may_be_written_with_a_point(client: TestClient) -> None:
    response = client.post("/v1/search", json={"query": "anonymisation", "k": 2.0})
    assert len(response.json()["passages"]) == 2
    assert client.post("/v1/search", json={"query": "anonymisation", "k": 2.5}).status_code == 422


def test_what_is_not_there_is_told_as_such(client: TestClient) -> None:
    for path in ("/v1/rules/x", "/v1/documents/x/../y", "/v1/passages/x", "/nowhere"):
        assert client.get(path).status_code == 404
    assert client.post("/v1/search", json={"query": "oui", "documents": ["x"]}).status_code == 404
    refused = client.get("/v1/ask")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_a_long_body_is_refused_whether_or_not_it_says_so(bot: HdsBot) -> None:
    def parts() -> Iterator[bytes]:
        yield from (b"a" * 600 for _ in range(3))

    client = client_with(bot, body_bytes=1000)
    assert client.post("/v1/ask", content=b"a" * 1001).status_code == 413
    assert client.post("/v1/ask", content=parts()).status_code == 413
    assert client.post("/v1/ask", json={"turns": [CLINIC]}).status_code == 200


def test_another_host_name_is_refused(bot: HdsBot) -> None:
    client = client_with(bot)
    assert client.get("/health", headers={"host": "elsewhere.example"}).status_code == 421
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        assert client.get("/health", headers={"host": host}).status_code == 200


def test_a_key_is_asked_for_where_there_is_one_but_not_for_health(bot: HdsBot) -> None:
    client = client_with(bot, keys=(SECRET, SECRET + "2"))
    for given in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": SECRET},
        {"authorization": "Bearer é"},
    ):
        response = client.get("/v1/rules", headers={name: value.encode() for name, value in given.items()})
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    for key in (SECRET, SECRET + "2"):
        assert client.get("/v1/rules", headers={"authorization": f"Bearer {key}"}).status_code == 200
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_too_many_requests_are_told_when_to_come_again(bot: HdsBot) -> None:
    client = client_with(bot, requests_per_minute=2)
    assert [client.get("/v1/rules").status_code for _ in range(3)] == [200, 200, 429]
    assert 1 <= int(client.get("/v1/rules").headers["retry-after"]) <= 31
    assert client.get("/health").status_code == 200


def test_a_bucket_is_a_client_s_own() -> None:
    rate = Rate(1)
    assert [rate.wait(client) == 0 for client in ("a", "a", "b")] == [True, False, True]


@pytest.mark.parametrize(("host", "key", "hosts"), [("0.0.0.0", "", ("me",)), ("192.0.2.1", SECRET, ())])  # noqa: S104
def test_a_door_open_to_others_needs_a_key_and_a_name(
    host: str, key: str, hosts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDS_BOT_API_KEY", key)
    with pytest.raises(InputError):
        Policy.for_address(host, hosts=hosts)
    monkeypatch.setenv("HDS_BOT_API_KEY", SECRET)
    assert Policy.for_address(host, hosts=("me",)).keys == (SECRET,)


def test_a_key_short_enough_to_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDS_BOT_API_KEY", "short")
    with pytest.raises(InputError, match="at least 16"):
        Policy.for_address("127.0.0.1")


# -- what is told about it ----------------------------------------------------------------


def test_logs_and_counts_hold_no_word_of_a_question(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "hds_bot.http")
    asked = client.post(
        "/v1/ask", json={"turns": ["Une clinique nommée Zebulon doit-elle être HDS ?"]}
    ).json()
    client.get("/v1/documents/Zebulon")
    counted = client.get("/metrics").text
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "hds_bot.http"]
    assert [line["status"] for line in lines] == [200, 404, 200]
    assert "Zebulon" not in caplog.text + counted
    assert f'hds_bot_answers_total{{language="fr",verdict="{asked["verdict"]}"}}' in counted


def test_an_index_that_went_bad_is_told_without_a_path(
    fake_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = fake_settings
    bot = HdsBot.build(corpus=settings.corpus, index=settings.index, encoder=settings.encoder)
    client = client_with(bot)
    (settings.index / "CURRENT").write_text("nonsense\n", "ascii")
    for response in (client.get("/ready"), client.post("/v1/ask", json={"turns": [CLINIC]})):
        assert response.status_code == 503
        assert str(settings.index.parent) not in response.text + caplog.text
    assert client.get("/health").status_code == 200


def test_an_error_nobody_thought_of_is_a_problem_without_its_words(
    bot: HdsBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_with(bot)
    monkeypatch.setattr(HdsBot, "documents", lambda _: 1 / 0)
    response = client.get("/v1/documents")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "division" not in response.text


def test_a_client_that_leaves_early_disturbs_nobody(bot: HdsBot) -> None:
    app = create_app(bot)

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        raise OSError("gone")

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/ask", "raw_path": b"/v1/ask", "query_string": b""}
    with pytest.raises(OSError, match="gone"):
        asyncio.run(app({**scope, "headers": headers, "client": None, "http_version": "1.1"}, leave, send))
    assert client_with(bot).post("/v1/ask", json={"turns": [CLINIC]}).status_code == 200


# -- the command --------------------------------------------------------------------------


@pytest.mark.slow
def test_several_workers_answer_from_one_index_and_stop_when_told(index_folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "hds_bot", "--index", str(index_folder), "serve"]
    with subprocess.Popen(
        [*command, "--port", str(port), "--workers", "2"], stderr=subprocess.PIPE
    ) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                wait_until_ready(client)
                for _ in range(6):
                    assert client.post("/v1/ask", json={"turns": [CLINIC]}).status_code == 200
                counted = client.get("/metrics").text
        finally:
            server.terminate()
        _, told = server.communicate(timeout=60)
    assert 'route="/v1/ask",status="200"} 6.0' in counted
    assert b"Traceback" not in told
    assert CLINIC.encode() not in told


def wait_until_ready(client: httpx.Client) -> None:
    for _ in range(300):
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError("the service did not come up")


def test_the_command_refuses_to_open_the_door_to_others_without_a_key(
    index_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["serve"], ["mcp", "--http"]):
        assert cli.main(["--index", str(index_folder), *command, "--host", "0.0.0.0"]) == 1  # noqa: S104
        assert "HDS_BOT_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["serve"], ["mcp", "--http"]])
def test_a_port_that_is_taken_is_named_with_the_option_that_sets_another(
    index_folder: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["--index", str(index_folder), *command, "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert f"port {port}" in told
    assert "--port" in told


@pytest.mark.parametrize(
    "odd", [["--port", "70000"], ["--host", "no.such.host.invalid", "--allow-host", "x"]]
)
def test_an_address_that_cant_be_is_refused_in_a_sentence(
    index_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, odd: list[str]
) -> None:
    monkeypatch.setenv("HDS_BOT_API_KEY", SECRET)
    assert cli.main(["--index", str(index_folder), "serve", *odd]) == 2
    assert "can't listen" in capsys.readouterr().err


def test_a_store_that_is_none_is_blamed_on_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--store", "foo://x", "serve"]) == 1
    assert "hds-bot: --store: is no postgresql" in capsys.readouterr().err
