"""Runs under limits: starting them, ending them, and looking at what the gates keep."""

from __future__ import annotations

from typing import Any

import orjson

from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.records import Limits, NewRun
from minizaps.journal.status import Kind, Status
from tests.journal.runs import ROOM, WORKER, append, new_run, status_of


def limited(
    *,
    concurrency: tuple[str, int, str] | None = None,
    rate: tuple[str, int, int] | None = None,
    debounce: tuple[str, int] | None = None,
    **fields: Any,
) -> NewRun:
    return new_run(limits=Limits(debounce, rate, concurrency), **fields)


async def start(journal: Journal, **limits: Any) -> str:
    return (await journal.start(limited(**limits))).run_id


async def claim(journal: Journal) -> list[str]:
    """The ids of the runs that are ready, which a worker takes."""
    return [claimed.run.id for claimed in await journal.claim(WORKER, ROOM)]


async def end(journal: Journal, database: Database, run_id: str, kind: Kind = Kind.SUCCEED) -> None:
    """End a running run as the worker that drives it does, or as a person."""
    if kind is Kind.CANCEL:
        await journal.cancel(run_id, "default", "ada")
        return
    await append(journal, database, run_id, 1, kind)
    await journal.follow_up(run_id)


async def turns(database: Database) -> list[tuple[str, str, int]]:
    """Key, run and whether it is taken, of every row."""
    rows = await database.select("SELECT key, CAST(run_id AS text), taken FROM turns", [])
    return [(key, run_id, taken) for key, run_id, taken in rows]


async def all_turns_taken(database: Database) -> list[str]:
    return [run_id for _, run_id, taken in await turns(database) if taken]


async def statuses(database: Database, ids: list[str]) -> list[Status]:
    return [await status_of(database, run_id) for run_id in ids]


async def last_facts(database: Database, run_id: str) -> Any:
    """The kind and the facts of a run's last event."""
    *_, last = await database.rows("events", run_id, 0, 1000)
    return Kind(last[2]), orjson.loads(last[5] or "{}")
