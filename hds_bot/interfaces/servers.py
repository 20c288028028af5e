"""The commands that serve: HTTP, and MCP over standard streams or HTTP."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec

from hds_bot.bot import HdsBot
from hds_bot.errors import InputError


def serve(options: argparse.Namespace) -> int:
    """`serve`: the HTTP service, until it is stopped."""
    _need("fastapi", "http")
    from hds_bot.interfaces import http_api

    policy = http_api.Policy.for_address(
        options.host, hosts=options.allow_host, requests_per_minute=options.rate
    )
    _set_environment(options)
    http_api.serve(options.host, options.port, policy, workers=options.workers)
    return 0


def serve_mcp(options: argparse.Namespace) -> int:
    """`mcp`: the MCP server, over standard streams unless HTTP is asked for, until it is stopped."""
    _need("mcp", "mcp")
    from hds_bot.interfaces import mcp_server

    given = {name: getattr(options, name) for name in ("corpus", "index", "encoder", "store")}
    bot = HdsBot.load(**given)
    if options.http:
        _serve_mcp_over_http(bot, options)
    else:
        mcp_server.create_server(bot).run()
    return 0


def _serve_mcp_over_http(bot: HdsBot, options: argparse.Namespace) -> None:
    _need("fastapi", "http")
    import uvicorn

    from hds_bot.interfaces import mcp_server
    from hds_bot.interfaces.http_api import Policy
    from hds_bot.interfaces.http_api.guard import Guard
    from hds_bot.interfaces.http_api.metrics import Metrics

    policy = Policy.for_address(options.host, hosts=options.allow_host, requests_per_minute=options.rate)
    app = Guard(mcp_server.http_app(bot, hosts=policy.hosts), policy, Metrics())
    uvicorn.run(app, host=options.host, port=options.port, access_log=False, log_level="warning")


def _set_environment(options: argparse.Namespace) -> None:
    # Workers are processes of their own: what was given on the command line reaches them this way.
    for name in ("corpus", "index", "encoder", "store"):
        if given := getattr(options, name):
            os.environ[f"HDS_BOT_{name.upper()}"] = str(given)


def _need(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise InputError(f"this command needs {module}", next_step=f"pip install 'hds-bot[{extra}]'")
