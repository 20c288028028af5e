"""The commands that serve: HTTP, and MCP over standard streams or HTTP."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from importlib.util import find_spec
from typing import Any

from hds_bot.bot import HdsBot, Settings
from hds_bot.errors import InputError

_SETTINGS = ("corpus", "index", "encoder", "store")
WRONG_USAGE = 2


def serve(options: argparse.Namespace) -> int:
    """`serve`: the HTTP service, until it is stopped; exit 2 where its port can't be had."""
    _need("fastapi", "http")
    from hds_bot.interfaces import http_api

    policy = http_api.Policy.for_address(
        options.host, hosts=options.allow_host, requests_per_minute=options.rate
    )
    # Refused here under the names of the options, before they reach workers by the environment.
    Settings.resolve(**_given(options))
    if fault := _port_fault(options):
        return _refuse(fault)
    _set_environment(options)
    http_api.serve(options.host, options.port, policy, workers=options.workers)
    return 0


def serve_mcp(options: argparse.Namespace) -> int:
    """`mcp`: the MCP server, over standard streams unless HTTP is asked for, until it is stopped."""
    _need("mcp", "mcp")
    from hds_bot.interfaces import mcp_server

    bot = HdsBot.load(**_given(options))
    if options.http:
        return _serve_mcp_over_http(bot, options)
    mcp_server.create_server(bot).run()
    return 0


def _serve_mcp_over_http(bot: HdsBot, options: argparse.Namespace) -> int:
    _need("fastapi", "http")
    import uvicorn

    from hds_bot.interfaces import mcp_server
    from hds_bot.interfaces.http_api import Policy
    from hds_bot.interfaces.http_api.guard import Guard
    from hds_bot.interfaces.http_api.metrics import Metrics

    policy = Policy.for_address(options.host, hosts=options.allow_host, requests_per_minute=options.rate)
    if fault := _port_fault(options):
        return _refuse(fault)
    app = Guard(mcp_server.http_app(bot, hosts=policy.hosts), policy, Metrics())
    uvicorn.run(app, host=options.host, port=options.port, access_log=False, log_level="warning")
    return 0


def _port_fault(options: argparse.Namespace) -> InputError | None:
    """Say why nothing can listen there: taken, not allowed, or no such address or port."""
    try:
        _listen_once(options.host, options.port)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        return InputError(
            f"can't listen on port {options.port} of {options.host} ({why})",
            next_step="name another port: --port N",
        )
    return None


def _listen_once(host: str, port: int) -> None:
    if not 0 < port < 65536:
        raise ValueError("ports are numbered from 1 to 65535")
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    socket.create_server((host, port), family=family).close()


def _refuse(fault: InputError) -> int:
    sys.stderr.write(f"hds-bot: {fault}\n")
    return WRONG_USAGE


def _given(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in _SETTINGS}


def _set_environment(options: argparse.Namespace) -> None:
    # Workers are processes of their own: what was given on the command line reaches them this way.
    for name, given in _given(options).items():
        if given:
            os.environ[f"HDS_BOT_{name.upper()}"] = str(given)


def _need(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise InputError(f"this command needs {module}", next_step=f"pip install 'hds-bot[{extra}]'")
