"""Does this need HDS hosting? A cited yes or no over the French guidance.

The front door: `HdsBot.load().ask("…")` gives an `Answer`. Names are imported when first used, so that
`import hds_bot` costs next to nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hds_bot.bot import HdsBot
    from hds_bot.errors import HdsBotError
    from hds_bot.types import Answer, Hit, Passage, Verdict

__version__ = "0.1.0"
__all__ = ["Answer", "HdsBot", "HdsBotError", "Hit", "Passage", "Verdict", "__version__"]

# onnxruntime counts its uses and sends the counts to its maker unless it is told not to, before its import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOMES = {
    "Answer": "hds_bot.types",
    "HdsBot": "hds_bot.bot",
    "HdsBotError": "hds_bot.errors",
    "Hit": "hds_bot.types",
    "Passage": "hds_bot.types",
    "Verdict": "hds_bot.types",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
