"""The service as a process: one or several workers on one index, stopped without losing a request."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict

import uvicorn
from fastapi import FastAPI

from hds_bot.bot import HdsBot
from hds_bot.errors import InputError
from hds_bot.interfaces.http_api.app import create_app
from hds_bot.interfaces.http_api.metrics import WORKERS
from hds_bot.interfaces.http_api.policy import KEY, Policy

_POLICY = "HDS_BOT_HTTP_POLICY"
_GRACE = 30
"""Seconds that requests under way have to end."""


def serve(host: str, port: int, policy: Policy, *, workers: int = 1) -> None:
    """Serve until told to stop; corpus, index and encoder come from the environment, which workers inherit.

    Raises InputError where `workers` or `port` can't be, and whatever opening the index raises.
    """
    if workers < 1 or not 0 < port < 65536:
        raise InputError("workers and port must be positive, the port below 65536", next_step="see: --help")
    HdsBot.load()
    shown = {name: value for name, value in asdict(policy).items() if name != "keys"}
    os.environ[_POLICY] = json.dumps(shown)
    with tempfile.TemporaryDirectory(prefix="hds-bot-metrics-") as counts:
        if workers > 1:
            os.environ.setdefault(WORKERS, counts)
        uvicorn.run(
            f"{__name__}:app_from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )


def app_from_environment() -> FastAPI:
    """Make a worker's application as `serve` set it out."""
    _log_as_lines()
    shown = json.loads(os.environ[_POLICY])
    keys = tuple(key.strip() for key in os.environ.get(KEY, "").split(",") if key.strip())
    policy = Policy(**{**shown, "hosts": tuple(shown["hosts"]), "keys": keys})
    return create_app(HdsBot.load(), policy)


def _log_as_lines() -> None:
    """One JSON object a line on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("hds_bot.http")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
