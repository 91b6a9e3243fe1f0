"""A message: the ids of runs that are ready, as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

MOST_IDS = 1000  # that are read from one message, whoever wrote it

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def pack(run_ids: Sequence[str]) -> bytes:
    """The message with these ids."""
    return orjson.dumps({"runs": list(run_ids)})


def unpack(body: bytes) -> list[str]:
    """The ids in a message.

    Raises:
        ValueError: it is not a message of Mini-Zaps.
    """
    message = orjson.loads(body)
    ids = message.get("runs") if isinstance(message, dict) else None
    if not isinstance(ids, list) or len(ids) > MOST_IDS:
        raise ValueError("no list of runs")
    if not all(isinstance(run_id, str) and _ID(run_id) for run_id in ids):
        raise ValueError("something else than ids of runs")
    return ids
