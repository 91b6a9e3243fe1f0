"""A Postgres of our own on the disk, and what it has used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from tests.servers.postgres import PostgresServer

from bench.processes import TICKS

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB", "checkpoint_timeout": "15min"}
UNFINISHED = """SELECT EXISTS (SELECT FROM runs WHERE status = 'queued' AND due_at IS NOT NULL)
OR EXISTS (SELECT FROM runs WHERE status = 'running' AND worker IS NOT NULL)"""
USED = """SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
pg_current_wal_lsn() - '0/0'::pg_lsn"""
SIZE = """SELECT pg_total_relation_size('runs') + pg_total_relation_size('events')"""


@dataclass(frozen=True, slots=True)
class Used:
    """Counters of a server so far: committed transactions, bytes of WAL, seconds of CPU."""

    commits: int
    wal: int
    cpu: float


class Cluster:
    """A server with durable settings, and one database at a time."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        self._server = PostgresServer(folder=folder, settings=SETTINGS)
        self._numbers = count()
        self._watching: Any = None
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._watching is not None:
            await self._watching.close()
        self._server.__exit__(kind, error, at)

    async def new_database(self) -> str:
        """The URL of an empty database, which is watched from now on."""
        if self._watching is not None:
            await self._watching.close()
        self.url = self._server.create_database(f"bench_{next(self._numbers)}")
        self._watching = await asyncpg.connect(self.url)
        return self.url

    async def value(self, statement: str, *values: object) -> Any:
        """The value that a statement gives."""
        return await self._watching.fetchval(statement, *values)

    async def used(self) -> Used:
        """What the server has used so far."""
        # A backend tells its counters when it has a moment, at the latest after a second.
        await self._watching.fetchval("SELECT pg_stat_clear_snapshot()")
        commits, wal = await self._watching.fetchrow(USED)
        return Used(int(commits), int(wal), tree_cpu(self._server.pid))


def tree_cpu(pid: int) -> float:
    """Seconds of CPU of a process, of its living children and of those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS
    for task in os.listdir(f"/proc/{pid}/task"):
        children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        total += sum(tree_cpu(int(child)) for child in children)
    return total
