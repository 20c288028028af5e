"""An answer on record: the contract's JSON with a schema number and a seal that tells an altered record."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hds_bot.errors import InputError
from hds_bot.render.contract import to_dict
from hds_bot.types import Answer

SCHEMA = 1
"""Of `data/record.schema.json`."""


def to_record(answer: Answer) -> dict[str, Any]:
    """Make a record that `read_record` takes back and `hds-bot replay` derives again."""
    content = to_dict(answer)
    return {"schema": SCHEMA, "answer": content, "integrity": _seal(content)}


def read_record(path: Path) -> dict[str, Any]:
    """Read the answer of a record. Raises InputError where it is none, or was altered."""
    record = _load(path)
    if not isinstance(record, dict) or set(record) != {"schema", "answer", "integrity"}:
        raise _refused(path, "is no record of an answer")
    if record["schema"] != SCHEMA:
        raise _refused(path, f"has schema {record['schema']!r}; this version reads {SCHEMA}")
    answer = record["answer"]
    if not isinstance(answer, dict) or record["integrity"] != _seal(answer):
        raise _refused(path, "was altered since it was written: its seal does not match")
    return answer


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _refused(path, f"can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, "is no JSON") from error


def _refused(path: Path, what: str) -> InputError:
    return InputError(what, where=str(path), next_step="write it anew: hds-bot ask … --record FILE")


def _seal(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
