"""The answer as JSON, the same at every door; its fields and their order are those of `Answer.to_dict`."""

from __future__ import annotations

import json
from typing import Any

from hds_bot.types import Answer


def to_dict(answer: Answer) -> dict[str, Any]:
    """Give the answer as plain JSON values, in the contract's fields and order."""
    return answer.to_dict()


def to_json(answer: Answer, *, indent: int | None = None) -> str:
    """`to_dict` as JSON text, accents kept; the same answer always gives the same bytes."""
    return json.dumps(to_dict(answer), ensure_ascii=False, indent=indent)
