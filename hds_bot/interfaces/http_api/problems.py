"""Errors as problem details (RFC 9457) that name the field and never a path, a question or a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hds_bot.errors import HdsBotError, InputError, NotFound

MEDIA_TYPE = "application/problem+json"
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 has it.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["pointer", "detail"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status"],
    "additionalProperties": False,
}


def problem(
    status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Give a problem as a response."""
    told = {"detail": detail} if detail else {}
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, **told, **more}
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def documented(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Describe these problems for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(HdsBotError)(_failed)


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    # What was sent is left out: it may be a question, and may not be writable as UTF-8.
    errors = [{"pointer": _pointer(one["loc"]), "detail": one["msg"]} for one in error.errors()]
    return problem(422, "the request is not as documented", errors=errors)


async def _refused(_: Request, error: HTTPException) -> JSONResponse:
    return problem(error.status_code, headers=error.headers)


async def _failed(_: Request, error: HdsBotError) -> JSONResponse:
    if isinstance(error, NotFound):
        return problem(404, error.what)
    if isinstance(error, InputError):
        return problem(422, f"{error.where}: {error.what}" if error.where else error.what)
    return problem(503, "no usable index: whoever runs this service is asked to look")


def _pointer(place: Iterable[str | int]) -> str:
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in list(place)[1:])
