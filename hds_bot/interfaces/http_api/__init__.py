"""HTTP: the bot as a stateless service. Needs the extra: `pip install 'hds-bot[http]'`."""

from __future__ import annotations

from hds_bot.interfaces.http_api.app import create_app
from hds_bot.interfaces.http_api.policy import Policy
from hds_bot.interfaces.http_api.serving import serve

__all__ = ["Policy", "create_app", "serve"]
