"""The MCP door: in memory, over standard streams and over HTTP, as a client sees it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequestParams, ElicitResult, TextResourceContents

from hds_bot import HdsBot
from hds_bot.bot import Settings
from hds_bot.interfaces import models
from hds_bot.interfaces.mcp_server import create_server, http_app
from hds_bot.render import to_dict

CLINIC = "Une clinique doit-elle prendre un hébergeur HDS ?"
NURSE = "Je suis infirmier libéral, me faut-il un hébergeur HDS ?"
TOOLS = {"ask", "search", "list_rules", "get_passage"}


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def test_every_tool_is_read_only_and_describes_what_it_gives(bot: HdsBot) -> None:
    async with Client(create_server(bot)) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.output_schema is not None
        assert tool.description


async def test_an_answer_is_the_bot_s_own(bot: HdsBot) -> None:
    async with Client(create_server(bot)) as client:
        assert await call(client, "ask", turns=[CLINIC]) == to_dict(bot.ask(CLINIC))
        known = {"teleconsults": True}
        answered = await call(client, "ask", turns=[NURSE], known_facts=known)
        assert answered == to_dict(bot.ask(NURSE, known_facts=known))
        answered = await call(client, "ask", turns=["Hospital HDS?"], language="en")
        assert answered == to_dict(bot.ask("Hospital HDS?", language="en"))
        assert answered["language"] == "en"


async def test_a_passage_found_can_be_read_as_tool_and_as_resource(bot: HdsBot) -> None:
    async with Client(create_server(bot)) as client:
        hit = (await call(client, "search", query="anonymisation", k=1))["passages"][0]
        passage = await call(client, "get_passage", passage=hit["id"])
        assert await read(client, f"hds-bot://passages/{hit['id']}") == passage
        document = await read(client, f"hds-bot://documents/{hit['document']}")
        assert document["text"][hit["start"] : hit["end"]] == hit["text"] == passage["text"]
        listed = await read(client, "hds-bot://documents")
        assert hit["document"] in [entry["id"] for entry in listed["documents"]]
        assert await read(client, "hds-bot://rules") == await call(client, "list_rules")


async def test_what_the_contract_forbids_is_a_tool_error_that_names_the_field(bot: HdsBot) -> None:
    bad: list[tuple[str, dict[str, Any], str]] = [
        ("ask", {}, "turns"),
        ("ask", {"turns": ["???"]}, "turns"),
        ("ask", {"turns": [CLINIC], "known_facts": {"nowhere": True}}, "nowhere"),
        ("ask", {"turns": ["a" * 15_000, "b" * 15_000]}, "20,000"),
        ("search", {"query": "oui", "k": 0}, "k"),
        ("search", {"query": "oui", "documents": ["nowhere"]}, "nowhere"),
        ("get_passage", {"passage": "nowhere"}, "nowhere"),
    ]
    async with Client(create_server(bot)) as client:
        for name, arguments, field in bad:
            result = await client.call_tool(name, arguments)
            assert result.is_error, name
            assert field in str(result.content)
            assert await call(client, "ask", turns=[CLINIC]) == to_dict(bot.ask(CLINIC))
        with pytest.raises(MCPError, match="nowhere"):
            await client.read_resource("hds-bot://passages/nowhere")


async def test_an_index_that_went_bad_is_told_without_a_path(fake_settings: Settings) -> None:
    settings = fake_settings
    bot = HdsBot.build(corpus=settings.corpus, index=settings.index, encoder=settings.encoder)
    (settings.index / "CURRENT").write_text("nonsense\n", "ascii")
    async with Client(create_server(bot)) as client:
        result = await client.call_tool("ask", {"turns": [CLINIC]})
    assert result.is_error
    assert str(settings.index) not in str(result.content)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_missing_facts_are_put_to_the_user_where_the_client_can(bot: HdsBot, mode: str) -> None:
    asked: list[Any] = []

    async def choose(_: ClientRequestContext, request: ElicitRequestParams) -> ElicitResult:
        asked.append(request)
        properties = request.requested_schema["properties"]  # type: ignore[union-attr]
        return ElicitResult(action="accept", content={"teleconsults": properties["teleconsults"]["enum"][0]})

    async with Client(create_server(bot), elicitation_callback=choose, mode=mode) as client:
        answered = await call(client, "ask", turns=[NURSE])
        clear = await call(client, "ask", turns=[NURSE], known_facts={"teleconsults": True})
    assert len(asked) == 1
    assert answered == to_dict(bot.ask(NURSE, known_facts={"teleconsults": True}))
    assert clear == answered


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_who_does_not_say_gets_the_questions_back(bot: HdsBot, action: Any) -> None:
    async def refuse(_: ClientRequestContext, __: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action=action)

    async with Client(create_server(bot), elicitation_callback=refuse) as client:
        answered = await call(client, "ask", turns=[NURSE])
    assert answered["verdict"] == "a_preciser"
    assert models.Answer.model_validate(answered).missing


async def test_the_command_serves_over_standard_streams(bot: HdsBot, index_folder: Path) -> None:
    command = ["-m", "hds_bot", "--index", str(index_folder), "mcp"]
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    async with Client(stdio_client(server)) as client:
        assert await call(client, "ask", turns=[CLINIC]) == to_dict(bot.ask(CLINIC))


async def test_over_http_it_answers_its_own_name_alone(bot: HdsBot) -> None:
    app = http_app(bot, hosts=("here.example",))
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    reached = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with (
        httpx.AsyncClient(transport=reached, base_url="http://here.example") as client,
        app.router.lifespan_context(app),  # type: ignore[attr-defined]
    ):
        refused = await client.post("/mcp", json=body, headers={**headers, "host": "evil.example"})
        foreign = await client.post("/mcp", json=body, headers={**headers, "origin": "http://evil.example"})
        answered = await client.post("/mcp", json=body, headers=headers)
    assert (refused.status_code, foreign.status_code) == (421, 403)
    assert answered.status_code not in (403, 421)


async def read(client: Client, uri: str) -> Any:
    content = (await client.read_resource(uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)
