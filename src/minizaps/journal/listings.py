"""Reading runs: one, its events, and filtered pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from minizaps.errors import NotFound
from minizaps.ids import uuid7
from minizaps.journal.database import Database
from minizaps.journal.queries import RUN_COLUMNS
from minizaps.journal.records import Event, Run
from minizaps.journal.rows import to_event, to_run
from minizaps.journal.status import Status

EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs of a project to list, newest first.

    Attributes:
        workflow: a workflow's id.
        since, until: bounds of the creation time, in milliseconds; the first inclusive.
        dead_letters: open dead letters only.
        error: the error's type.
        before: the id after which the page begins.
    """

    project: str
    workflow: str | None = None
    status: Status | None = None
    since: int | None = None
    until: int | None = None
    dead_letters: bool = False
    error: str | None = None
    before: str | None = None


class Listings:
    """Reads runs from the journal."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def run(self, run_id: str, project: str) -> Run:
        """One run.

        Raises:
            NotFound: there is no such run in the project.
        """
        for row in await self._db.rows("run", run_id):
            if (run := to_run(row)).project == project:
                return run
        raise NotFound(f"there is no run {run_id}")

    async def events(self, run_id: str, *, after: int = 0, limit: int = EVERYTHING) -> list[Event]:
        """A run's events in their order, from the one after number `after`."""
        return [to_event(row) for row in await self._db.rows("events", run_id, after, limit)]

    async def ends(self, run_id: str) -> list[Event]:
        """A run's first event and those that end it, without what lies between."""
        return [to_event(row) for row in await self._db.rows("ends", run_id)]

    async def runs(self, chosen: RunFilter, limit: int) -> list[Run]:
        """A page of runs, newest first."""
        return await self._db.read(lambda db: _select(db, chosen, limit))

    async def failures(self, run_ids: list[str]) -> dict[str, dict[str, Any]]:
        """What is known of how each of these runs failed: `error`, and the step's `input`."""

        def operation(db: apsw.Connection) -> dict[str, dict[str, Any]]:
            found = ((i, db.execute(self._db.queries["failure"], (i,)).get) for i in run_ids)
            return {run_id: orjson.loads(data) for run_id, data in found if data is not None}

        return await self._db.read(operation)

    async def live_counts(self) -> dict[Status, tuple[int, int | None]]:
        """How many runs are queued, running and waiting, and the earliest `due_at` of each."""
        rows = await self._db.rows("live_counts")
        return {Status(status): (count, due) for status, count, due in rows if status}

    async def open_dead_letters(self) -> int:
        """How many dead letters wait for a person."""
        ((count,),) = await self._db.rows("open_dead_letters")
        return int(count)


def _select(db: apsw.Connection, chosen: RunFilter, limit: int) -> list[Run]:
    where, values = ["r.project = ?"], [chosen.project]
    conditions: list[tuple[str, Any]] = [
        ("r.workflow_id = ?", chosen.workflow),
        ("r.status = ?", chosen.status),
        ("r.id >= ?", chosen.since and _bound(chosen.since)),
        ("r.id < ?", chosen.until and _bound(chosen.until)),
        ("r.dead_letter = 'open' AND ?", chosen.dead_letters or None),
        ("r.error_type = ?", chosen.error),
        ("r.id < ?", chosen.before),
    ]
    for condition, value in conditions:
        if value is not None:
            where.append(condition)
            values.append(value)
    # The columns and conditions are constants; every value is bound.
    query = (
        f"SELECT {RUN_COLUMNS} FROM runs r LEFT JOIN workflows w ON w.id = r.workflow_id "  # noqa: S608
        f"WHERE {' AND '.join(where)} ORDER BY r.id DESC LIMIT ?"
    )
    return [to_run(row) for row in db.execute(query, (*values, limit))]


def _bound(ms: int) -> str:
    """The smallest UUIDv7 of a millisecond."""
    return uuid7(ms)[:13] + "-0000-0000-000000000000"
