"""How an execution ends, and whether it may end so."""

from __future__ import annotations

from typing import Any

import orjson

from minizaps.connectors.base import Pause
from minizaps.errors import ConnectorError

LARGEST_OUTPUT = 2**20  # bytes of JSON, as MINIZAPS_MAX_OUTPUT_BYTES is by default
Output = dict[str, Any] | Pause | None
Outcome = Output | ConnectorError


def must(fact: object, otherwise: str) -> None:
    """Raise an AssertionError with a message where something is not as it must be."""
    if not fact:
        raise AssertionError(otherwise)


def check_json(outcome: Outcome) -> None:
    """Refuse an output that the journal would not take, or would give back as another."""
    if isinstance(outcome, ConnectorError) or outcome is None:
        return
    output = outcome.output if isinstance(outcome, Pause) else outcome
    must(isinstance(output, dict), f"the output is {type(output).__name__}, not a dict")
    try:
        raw = orjson.dumps(output)
    except TypeError as error:
        raise AssertionError(f"the output is not JSON: {error}") from error
    must(orjson.loads(raw) == output, "the output is another once it was written as JSON")
    must(len(raw) <= LARGEST_OUTPUT, f"the output has {len(raw)} bytes of JSON")


def text_of(outcome: Outcome) -> str:
    """All that a person could read of it."""
    if isinstance(outcome, ConnectorError):
        return f"{outcome} {outcome!r} {outcome.type} {orjson.dumps(outcome.details).decode()}"
    if isinstance(outcome, Pause):
        return f"{outcome.until} {orjson.dumps(outcome.output).decode()}"
    return orjson.dumps(outcome).decode()
