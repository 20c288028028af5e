"""What stands before every request: host name, key, rate, size of the body; then a log line and a count."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hds_bot.interfaces.http_api.metrics import Metrics
from hds_bot.interfaces.http_api.policy import Policy
from hds_bot.interfaces.http_api.problems import problem

OPEN = ("/health", "/ready")
"""Answered without a key, for whoever watches the service; they tell nothing."""
_CLIENTS = 10_000
_BEARER = "bearer "
log = logging.getLogger("hds_bot.http")


class Guard:
    """ASGI middleware that refuses what the policy forbids, and lets nothing pass unseen."""

    def __init__(self, app: ASGIApp, policy: Policy, metrics: Metrics) -> None:
        self.app, self.policy, self.metrics = app, policy, metrics
        self._rate = Rate(policy.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand on what is none."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = _Seen(send)
        try:
            await self._answer(scope, receive, seen)
        except Exception as error:
            log.error(json.dumps({"event": "error", "request": seen.id, "error": type(error).__name__}))
            if seen.status:
                raise
            await problem(500)(scope, receive, seen)
        finally:
            self._note(scope, seen)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope)
        if refusal is None:
            body = await _body(receive, self.policy.body_bytes)
            refusal = problem(413, f"at most {self.policy.body_bytes:,} bytes") if body is None else None
            receive = _replayed(body or b"", receive)
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self.policy.answers_to(headers.get("host", "")):
            return problem(421, "this service has another name")
        if scope["path"] in OPEN:
            return None
        key = _key(headers)
        if not self.policy.admits(key):
            return problem(401, "send a key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
        if wait := self._rate.wait(key or (scope.get("client") or ("",))[0]):
            return problem(429, "too many requests", headers={"Retry-After": str(wait)})
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > self.policy.body_bytes:
            return problem(413, f"at most {self.policy.body_bytes:,} bytes")
        return None

    def _note(self, scope: Scope, seen: _Seen) -> None:
        route = getattr(scope.get("route"), "path", "other")
        seconds = time.perf_counter() - seen.started
        self.metrics.count(scope["method"], route, seen.status, seconds)
        line = {"request": seen.id, "method": scope["method"], "route": route, "status": seen.status}
        log.info(json.dumps({"event": "request", **line, "milliseconds": round(seconds * 1000, 1)}))


class Rate:
    """A bucket a client, filled at a steady rate up to a minute's worth; the oldest clients are forgotten."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> int:
        """Take one; 0 where it may pass, else the seconds until the next one may."""
        with self._lock:
            now = time.monotonic()
            left, since = self._buckets.pop(client, (float(self._most), now))
            left = min(self._most, left + (now - since) * self._most / 60)
            passes = left >= 1
            self._buckets[client] = (left - passes, now)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
            return 0 if passes else 1 + int((1 - left) * 60 / self._most)


class _Seen:
    """Sends on, with an id for the request, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0
        self.id, self.started = uuid.uuid4().hex, time.perf_counter()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            extra = [(b"x-request-id", self.id.encode()), (b"x-content-type-options", b"nosniff")]
            message["headers"] = [*message.get("headers", ()), *extra, (b"cache-control", b"no-store")]
        await self._send(message)


def _key(headers: Headers) -> str:
    given = headers.get("authorization", "")
    return given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""


async def _body(receive: Receive, most: int) -> bytes | None:
    """Read the body whole; None where it is longer than allowed."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Give the body once more, then what comes after it."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    return again
