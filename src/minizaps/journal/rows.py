"""Between database rows and records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from minizaps.journal.records import Event, Run
from minizaps.journal.status import Kind, Status


def dump(data: dict[str, Any] | None) -> str | None:
    """The JSON text of an event's data."""
    return None if data is None else orjson.dumps(data).decode()


def to_event(row: Sequence[Any]) -> Event:
    """The event of a row of the query `events`."""
    seq, at, kind, path, attempt, data = row
    return Event(seq, at, Kind(kind), path, attempt, {} if data is None else orjson.loads(data))


def to_run(row: Sequence[Any]) -> Run:
    """The run of a row with `run_columns`."""
    values = list(row)
    values[5] = Status(values[5])
    return Run(*values)
