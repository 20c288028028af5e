"""Who may ask, from where, how much."""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from hds_bot.errors import InputError

KEY = "HDS_BOT_API_KEY"
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """Keys (none: everyone may ask), host names answered to, and limits a client."""

    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    requests_per_minute: int = 6000
    body_bytes: int = 1_000_000

    @classmethod
    def for_address(cls, host: str, *, hosts: Sequence[str] = (), requests_per_minute: int = 6000) -> Policy:
        """Take the keys from HDS_BOT_API_KEY, separated by commas.

        Raises InputError where other machines could reach `host` without a key or an allowed host name,
        and where a key is short enough to be guessed.
        """
        keys = tuple(key.strip() for key in os.environ.get(KEY, "").split(",") if key.strip())
        if any(len(key) < _SHORTEST_KEY or not key.isascii() for key in keys):
            raise InputError(
                f"a key needs at least {_SHORTEST_KEY} ASCII characters",
                where=KEY,
                next_step="draw a longer one",
            )
        if requests_per_minute < 1:
            raise InputError("must be at least 1", where="--rate", next_step="allow at least one a minute")
        if not is_loopback(host):
            _refuse_open_door(host, keys, hosts)
        return cls(keys, (*hosts, *LOOPBACK_HOSTS), requests_per_minute)

    def admits(self, given: str) -> bool:
        """Tell in constant time whether this is one of the keys."""
        matches = [hmac.compare_digest(given.encode(), key.encode()) for key in self.keys]
        return any(matches) or not self.keys

    def answers_to(self, host: str) -> bool:
        """Tell whether a Host header names this service."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        return name.lower() in self.hosts


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_open_door(host: str, keys: Sequence[str], hosts: Sequence[str]) -> None:
    if not keys:
        raise InputError(
            "other machines could ask without a key", where=host, next_step=f"set {KEY}, or keep to 127.0.0.1"
        )
    if not hosts:
        raise InputError(
            "no host name is allowed", where=host, next_step="name what clients call it: --allow-host NAME"
        )
