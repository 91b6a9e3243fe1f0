"""What the database says about runs, read beside the servers: to look costs them little."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import apsw
import asyncpg

UNFINISHED = """SELECT 1 FROM runs WHERE status = 'queued' AND due_at IS NOT NULL
UNION ALL SELECT 1 FROM runs WHERE status = 'running' AND worker IS NOT NULL LIMIT 1"""
SUCCEEDED = "SELECT count(*) FROM runs WHERE status = 'succeeded'"
ENDED = "SELECT 1 FROM runs WHERE id = {} AND finished_at IS NOT NULL"
SIZE = "SELECT pg_total_relation_size('runs') + pg_total_relation_size('events')"
EVENTS = """SELECT e.at FROM events e JOIN runs r ON r.id = e.run_id
WHERE r.workflow_id = {} AND r.created_at >= {} AND e.kind = {}"""


class Database(Protocol):
    """A connection that only reads."""

    async def rows(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows of a statement in which `{}` stands for each value."""

    async def close(self) -> None:
        """Close it."""


class View:
    """What the benchmarks ask."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unfinished(self) -> bool:
        """Whether any run is queued or running."""
        return bool(await self._database.rows(UNFINISHED))

    async def succeeded(self) -> int:
        """How many runs have succeeded."""
        return int((await self._database.rows(SUCCEEDED))[0][0])

    async def end(self, run_id: str) -> None:
        """Wait until a run's end is on disk."""
        while not await self._database.rows(ENDED, run_id):
            await asyncio.sleep(0.001)

    async def times(self, workflow: str, since: int, kind: str) -> list[int]:
        """When the events of a kind came, of a workflow's runs since a time."""
        return [at for (at,) in await self._database.rows(EVENTS, workflow, since, kind)]

    async def size(self) -> int:
        """Bytes of runs and events with their indexes, on Postgres."""
        return int((await self._database.rows(SIZE))[0][0])

    async def close(self) -> None:
        """Look no more."""
        await self._database.close()


async def open_view(database: Path | str) -> View:
    """Look at the SQLite file at a path, or at the Postgres database at a URL."""
    if isinstance(database, Path):
        return View(_Sqlite(database))
    connection = await asyncpg.connect(database, server_settings={"enable_seqscan": "off"})
    return View(_Postgres(connection))


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)

    async def rows(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        return self._db.execute(statement.replace("{}", "?"), values).fetchall()

    async def close(self) -> None:
        self._db.close()


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def rows(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        marks = (f"${n}" for n, _ in enumerate(values, 1))
        async with self._turn:
            rows: Sequence[Sequence[Any]] = await self._connection.fetch(
                statement.format(*marks), *values
            )
        return rows

    async def close(self) -> None:
        await self._connection.close()
