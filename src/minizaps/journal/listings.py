"""Reading runs: one, its events, and filtered pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from minizaps.errors import InvalidInput, NotFound
from minizaps.ids import uuid7
from minizaps.journal.database import Database
from minizaps.journal.records import Event, Run
from minizaps.journal.rows import to_event, to_run
from minizaps.journal.status import Status

EVERYTHING = 1_000_000
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs of a project to list, newest first.

    Attributes:
        workflow: a workflow's id.
        since, until: bounds of the creation time, in milliseconds; the first inclusive.
        dead_letters: open dead letters only.
        parent: the id of the run whose steps have started them.
        error: the error's type.
        before: the id after which the page begins.
    """

    project: str
    workflow: str | None = None
    status: Status | None = None
    since: int | None = None
    until: int | None = None
    dead_letters: bool = False
    parent: str | None = None
    error: str | None = None
    before: str | None = None


class Listings:
    """Reads runs from the journal."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def run(self, run_id: str, project: str | None = None) -> Run:
        """One run.

        Args:
            project: the project whose run it has to be; any if left out.

        Raises:
            NotFound: there is no such run.
        """
        for row in await self._db.rows("run", run_id):
            if (run := to_run(row)).project == project or project is None:
                return run
        raise NotFound(f"there is no run {run_id}")

    async def events(self, run_id: str, *, after: int = 0, limit: int = EVERYTHING) -> list[Event]:
        """A run's events in their order, from the one after number `after`."""
        return [to_event(row) for row in await self._db.rows("events", run_id, after, limit)]

    async def ends(self, run_id: str) -> list[Event]:
        """A run's first event and those that end it, without what lies between."""
        return [to_event(row) for row in await self._db.rows("ends", run_id)]

    async def runs(self, chosen: RunFilter, limit: int) -> list[Run]:
        """A page of runs, newest first.

        Raises:
            InvalidInput: `before` is no id of a run.
        """
        if chosen.before is not None and not re.fullmatch(UUID, chosen.before):
            raise InvalidInput("cursor: not a cursor of this list")
        conditions: list[tuple[str, object]] = [
            ("r.project =", chosen.project),
            ("r.workflow_id =", chosen.workflow),
            ("r.status =", chosen.status),
            ("r.id >=", None if chosen.since is None else _bound(chosen.since)),
            ("r.id <", None if chosen.until is None else _bound(chosen.until)),
            ("r.dead_letter = 'open' AND 1 =", 1 if chosen.dead_letters else None),
            ("r.error_type =", chosen.error),
            ("r.parent_id =", chosen.parent),
            ("r.id <", chosen.before),
        ]
        asked = [(text, value) for text, value in conditions if value is not None]
        mark = self._db.mark
        where = " AND ".join(f"{text} {mark}{n}" for n, (text, _) in enumerate(asked, 1))
        # The columns and conditions are constants; every value is bound.
        statement = f"{self._db.runs} WHERE {where} ORDER BY r.id DESC LIMIT {mark}{len(asked) + 1}"
        rows = await self._db.select(statement, [*(value for _, value in asked), limit])
        return [to_run(row) for row in rows]

    async def failures(self, run_ids: list[str]) -> dict[str, dict[str, Any]]:
        """What is known of how each of these runs failed: `error`, and the step's `input`."""
        rows = await self._db.rows("failures", run_ids)
        return {run_id: orjson.loads(data) for run_id, data in rows}

    async def live_counts(self) -> dict[Status, tuple[int, int | None]]:
        """How many runs are queued, running and waiting, and the earliest `due_at` of each."""
        rows = await self._db.rows("live_counts")
        return {Status(status): (count, due) for status, count, due in rows if count}

    async def open_dead_letters(self) -> int:
        """How many dead letters wait for a person."""
        ((count,),) = await self._db.rows("open_dead_letters")
        return int(count)


def _bound(ms: int) -> str:
    """The smallest UUIDv7 of a millisecond."""
    return uuid7(ms)[:13] + "-0000-0000-000000000000"
