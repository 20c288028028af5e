"""MCP: the bot as tools and resources for other assistants, over standard streams or streamable HTTP.

Needs the extra: `pip install 'hds-bot[mcp]'`; over HTTP also `hds-bot[http]`, whose guard stands before it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field, create_model
from starlette.types import ASGIApp

import hds_bot
from hds_bot import rules
from hds_bot.bot import MAX_TURNS, HdsBot
from hds_bot.errors import HdsBotError, InputError, NotFound
from hds_bot.interfaces import described, models
from hds_bot.types import FactValue, Language, MissingFact

READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
INSTRUCTIONS = (
    "Answers whether HDS certified hosting of health data is needed under the French guidance."
    " Call `ask` with the user's own words; repeat its verdict and quote its passages, add none of your own."
    " Where the verdict is a_preciser, put the questions in `missing` to the user, then ask again."
)
Turns = Annotated[
    list[models.Text],
    Field(min_length=1, max_length=MAX_TURNS, description="The user's turns, oldest first."),
]
AnswerIn = Annotated[Language | None, Field(description="To answer in; null: that of the last turn.")]
Names = Annotated[list[models.Name] | None, Field(min_length=1)]


def create_server(bot: HdsBot) -> MCPServer[HdsBot]:
    """Make the server over a bot; it keeps nothing between calls."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[HdsBot]) -> AsyncIterator[HdsBot]:
        yield bot

    server = MCPServer(
        "hds-bot",
        version=hds_bot.__version__,
        instructions=INSTRUCTIONS,
        log_level="WARNING",
        lifespan=lifespan,
    )
    _add_ask(server, bot)
    _add_sources(server, bot)
    _add_resources(server, bot)
    return server


def http_app(bot: HdsBot, *, hosts: tuple[str, ...]) -> ASGIApp:
    """Make the streamable HTTP application, at /mcp, answering to these host names alone."""
    named = [*hosts, *(f"{host}:*" for host in hosts)]
    origins = [f"{scheme}://{name}" for scheme in ("http", "https") for name in named]
    security = TransportSecuritySettings(allowed_hosts=named, allowed_origins=origins)
    return create_server(bot).streamable_http_app(
        transport_security=security, max_request_body_size=1_000_000
    )


# -- tools --------------------------------------------------------------------------------


def _add_ask(server: MCPServer[HdsBot], bot: HdsBot) -> None:
    @server.tool(title="Is HDS hosting needed?", annotations=READS)
    def ask(
        turns: Turns,
        filled: Annotated[ElicitationResult[BaseModel], Resolve(_missing)],
        known_facts: models.KnownFacts | None = None,  # type: ignore[valid-type]
        language: AnswerIn = None,
    ) -> models.Answer:
        """Tell whether HDS hosting is needed in a situation, with the rule and the passages it rests on."""
        with _told():
            known = _given(known_facts)
            if isinstance(filled, AcceptedElicitation) and filled.data is not None:
                asked = bot.ask(turns, known_facts=known, language=language)
                known |= _chosen(asked.missing, filled.data)
            answer = bot.ask(turns, known_facts=known, language=language)
            return models.Answer.model_validate(answer.to_dict())


def _add_sources(server: MCPServer[HdsBot], bot: HdsBot) -> None:
    @server.tool(title="Search the guidance", annotations=READS)
    def search(
        query: models.Text,
        k: Annotated[int, Field(ge=1, le=models.MAX_HITS)] = 5,
        documents: Names = None,
        tags: Names = None,
    ) -> models.Hits:
        """Find the passages of the guidance nearest to a query, without a verdict."""
        with _told():
            hits = bot.search(query, k, documents=documents, tags=tags)
            found = [hit.to_dict() for hit in hits]
            provenance = asdict(bot.snapshot.provenance)
        return models.Hits.model_validate({"passages": found, "provenance": provenance})

    @server.tool(title="List the rules", annotations=READS)
    def list_rules() -> models.Rules:
        """List every rule with its condition, its verdict and the words of the guidance it is pinned to."""
        return models.Rules.model_validate(_rules())

    @server.tool(title="Read a passage", annotations=READS)
    def get_passage(passage: models.Name) -> models.Passage:
        """Read one passage, by the id that answers and searches give."""
        with _told():
            return models.Passage.model_validate(bot.passage(passage).to_dict())


# -- resources ----------------------------------------------------------------------------


def _add_resources(server: MCPServer[HdsBot], bot: HdsBot) -> None:
    @server.resource("hds-bot://rules", title="Rules", mime_type="application/json")
    def every_rule() -> str:
        """Every rule."""
        return _json(_rules())

    @server.resource("hds-bot://documents", title="Documents", mime_type="application/json")
    def every_document() -> str:
        """Every document, without its text."""
        with _read():
            return _json({"documents": [described.entry(entry) for entry in bot.documents()]})

    @server.resource("hds-bot://documents/{+document}", title="Document", mime_type="application/json")
    def one_document(document: str) -> str:
        """One document with the text that offsets point into."""
        with _read():
            return _json(described.document(bot.document(document)))

    @server.resource("hds-bot://passages/{passage}", title="Passage", mime_type="application/json")
    def one_passage(passage: str) -> str:
        """One passage with its place."""
        with _read():
            return _json(bot.passage(passage).to_dict())


# -- what is asked back -------------------------------------------------------------------


def _missing(
    turns: Turns,
    ctx: Context[HdsBot],
    known_facts: models.KnownFacts | None = None,  # type: ignore[valid-type]
    language: AnswerIn = None,
) -> Elicit[BaseModel] | None:
    """Ask for the facts that can still change the verdict, where the client can put them to the user."""
    if not _can_elicit(ctx):
        return None
    with _told():
        bot = ctx.request_context.lifespan_context
        answer = bot.ask(turns, known_facts=_given(known_facts), language=language)
    form = _form(answer.missing)
    return Elicit(answer.summary, form) if form.model_fields else None


def _can_elicit(ctx: Context[HdsBot]) -> bool:
    elicitation = ctx.client_capabilities.elicitation if ctx.client_capabilities else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _form(missing: tuple[MissingFact, ...]) -> type[BaseModel]:
    """Give a field a fact, its options by their labels; any of them may stay empty."""
    fields: dict[str, Any] = {
        fact.fact: (Literal[_labels(fact)] | None, Field(default=None, title=fact.question))
        for fact in missing
        if len(_labels(fact)) > 1
    }
    return create_model("Missing", **fields)


def _labels(fact: MissingFact) -> tuple[str, ...]:
    return tuple(dict.fromkeys(option.label for option in fact.options))


def _chosen(missing: tuple[MissingFact, ...], filled: BaseModel) -> dict[str, FactValue]:
    options = {(fact.fact, option.label): option.value for fact in missing for option in fact.options}
    given = filled.model_dump(exclude_none=True)
    return {fact: options[fact, label] for fact, label in given.items() if (fact, label) in options}


# -- what they share ----------------------------------------------------------------------


def _given(known: models.Model | None) -> dict[str, FactValue]:
    return known.model_dump(exclude_unset=True) if known else {}


def _rules() -> Mapping[str, Any]:
    return {"rules": [described.rule(rule) for rule in rules.load_rules().rules]}


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False)


@contextmanager
def _told() -> Iterator[None]:
    """Raise as a tool's error what the bot refuses, without a path of this machine."""
    try:
        yield
    except InputError as error:
        raise ToolError(str(error)) from error
    except HdsBotError as error:
        raise ToolError("no usable index: whoever runs this server is asked to look") from error


@contextmanager
def _read() -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise ResourceNotFoundError(error.what) from error
    except HdsBotError as error:
        raise ResourceError("no usable index: whoever runs this server is asked to look") from error
