"""Between database rows and records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from minizaps.journal.records import Event, Limits, NewRun, Run
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


def kinship(new: NewRun) -> tuple[str | None, int, int]:
    """A new run's parent, whether that one waits for it, and whether its end concerns others."""
    parent_id, awaited = (None, 0) if new.parent is None else (new.parent[0], int(new.parent[2]))
    return parent_id, awaited, int(awaited or new.limits is not None)


def limits_text(new: NewRun) -> str | None:
    """The limits that a new run is under, as JSON."""
    return None if new.limits is None else dump(new.limits._asdict())


def to_limits(text: str) -> Limits:
    """The limits of their JSON."""
    found = orjson.loads(text)
    return Limits(**{name: limit and tuple(limit) for name, limit in found.items()})
