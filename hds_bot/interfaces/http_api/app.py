"""The application: each route calls the core once; everything else is the guard's and the problems'."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Security
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPBearer

import hds_bot
from hds_bot import rules
from hds_bot.bot import HdsBot
from hds_bot.errors import NotFound
from hds_bot.interfaces import batch, described, models
from hds_bot.interfaces.http_api import examples, problems
from hds_bot.interfaces.http_api.guard import Guard
from hds_bot.interfaces.http_api.metrics import MEDIA_TYPE, Metrics
from hds_bot.interfaces.http_api.policy import Policy
from hds_bot.interfaces.questions import Question

NDJSON = "application/x-ndjson"
_GUARDED = (413, 421, 429, 503)


def create_app(bot: HdsBot, policy: Policy | None = None) -> FastAPI:
    """Make the service over a bot; it keeps nothing between requests."""
    policy, metrics = policy or Policy(), Metrics()
    app = FastAPI(
        title="hds-bot",
        version=hds_bot.__version__,
        description=hds_bot.__doc__,
        docs_url=None,
        redoc_url=None,
    )
    statuses = (*_GUARDED, 401) if policy.keys else _GUARDED
    key = [Security(HTTPBearer(auto_error=False))] if policy.keys else []
    for router in (_questions(bot, metrics), _sources(bot), _watching(metrics)):
        app.include_router(router, responses=problems.documented(statuses), dependencies=key)
    app.include_router(_health(bot), responses=problems.documented((421, 503)))
    problems.install(app)
    app.add_middleware(Guard, policy=policy, metrics=metrics)
    _describe_problems(app)
    return app


def _questions(bot: HdsBot, metrics: Metrics) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["questions"], responses=problems.documented((400, 422)))

    @router.post("/ask", response_model=models.Answer)
    def ask(conversation: Annotated[models.Conversation, Body(openapi_examples=examples.ASK)]) -> Response:
        """Answer the last turn of a conversation: a verdict with its proof."""
        answer = bot.ask(conversation.turns, known_facts=conversation.facts(), language=conversation.language)
        metrics.answered(answer.verdict, answer.language)
        return JSONResponse(answer.to_dict())

    @router.post("/search", response_model=models.Hits, responses=problems.documented((404,)))
    def search(query: Annotated[models.Query, Body(openapi_examples=examples.SEARCH)]) -> Response:
        """Find passages, without a verdict."""
        hits = bot.search(query.query, query.k, documents=query.documents, tags=query.tags)
        found = [hit.to_dict() for hit in hits]
        return JSONResponse({"passages": found, "provenance": asdict(bot.snapshot.provenance)})

    @router.post("/batch", response_class=StreamingResponse, responses={200: _STREAM})
    def answer_batch(questions: Annotated[models.Batch, Body(openapi_examples=examples.BATCH)]) -> Response:
        """Answer many conversations, one JSON object a line as it is found, in the same order.

        Each line has the `id` with the answer's fields, or with an `error`, which never stops the rest.
        """
        return StreamingResponse(_lines(bot, questions, metrics), media_type=NDJSON)

    return router


def _sources(bot: HdsBot) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["sources"])
    by_id = problems.documented((404, 422))

    @router.get("/rules", response_model=models.Rules)
    def list_rules() -> Response:
        """Every rule, with the words of the guidance that it is pinned to."""
        return JSONResponse({"rules": [described.rule(rule) for rule in rules.load_rules().rules]})

    @router.get("/rules/{rule}", response_model=models.Rule, responses=by_id)
    def get_rule(rule: str) -> Response:
        """One rule."""
        found = next((each for each in rules.load_rules().rules if each.id == rule), None)
        if found is None:
            raise NotFound("there is no such rule")
        return JSONResponse(described.rule(found))

    @router.get("/documents", response_model=models.Documents)
    def list_documents() -> Response:
        """Every document, without its text."""
        return JSONResponse({"documents": [described.entry(entry) for entry in bot.documents()]})

    @router.get("/documents/{document:path}", response_model=models.Document, responses=by_id)
    def get_document(document: str) -> Response:
        """One document with the text that offsets point into."""
        return JSONResponse(described.document(bot.document(document)))

    @router.get("/passages/{passage}", response_model=models.Passage, responses=by_id)
    def get_passage(passage: str) -> Response:
        """One passage, by the id that answers and searches give."""
        return JSONResponse(bot.passage(passage).to_dict())

    return router


def _watching(metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["watching"])

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def expose() -> Response:
        """Give counts as Prometheus reads them."""
        return Response(metrics.expose(), media_type=MEDIA_TYPE)

    return router


def _health(bot: HdsBot) -> APIRouter:
    router = APIRouter(tags=["watching"])

    @router.get("/health")
    def health() -> dict[str, str]:
        """Tell that the process answers."""
        return {"status": "ok"}

    @router.get("/ready")
    def ready() -> dict[str, str]:
        """Tell that the index in force can be used; 503 where it can't."""
        return {"status": "ready", "index": bot.snapshot.provenance.index}

    return router


def _lines(bot: HdsBot, questions: models.Batch, metrics: Metrics) -> Iterator[str]:
    for given in questions.questions:
        rows: list[batch.Row] = []
        asked = Question(given.id, given.turns, given.facts())
        batch.answer_all(bot, [asked], rows.append, language=given.language)
        for row in rows:
            if "verdict" in row:
                metrics.answered(row["verdict"], row["language"])
            yield json.dumps(row, ensure_ascii=False) + "\n"


def _describe_problems(app: FastAPI) -> None:
    described_by_routes = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described_by_routes()
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problems.SCHEMA
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


_STREAM: dict[str, Any] = {
    "description": "One answer a line.",
    "content": {NDJSON: {"schema": {"type": "string"}}},
}
