"""Bringing a run into a status, and applying a transition to it, through the journal's methods."""

from __future__ import annotations

from typing import Any

from minizaps.clock import ManualClock
from minizaps.journal.claims import Room
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.records import Change, NewRun
from minizaps.journal.status import ENDED, Kind, Status

WORKER = "worker-1"
ROOM = Room(limit=100, share=100)
ERROR = {"error": {"type": "network", "message": "down", "step": "a"}}


def new_run(project: str = "default", **fields: Any) -> NewRun:
    trigger = {"id": "manual", "type": "manual", "body": 1, "headers": {}, "query": {}}
    return NewRun(project, "workflow-1", 1, trigger, **fields)


def change(kind: Kind, now: int) -> Change:
    data = {
        Kind.COMPLETE: {"output": {"x": 1}},
        Kind.SUCCEED: {"output": {"x": 1}},
        Kind.FAIL: ERROR,
        Kind.RETRY: ERROR,
        Kind.CATCH: ERROR,
        Kind.PAUSE: {"until": now + 1000, "output": {}},
        Kind.SIGNAL: {"name": "a", "number": 1, "data": {}},
    }
    due_at = now + 1000 if kind is Kind.WAIT else None
    return Change(kind, now, "a", 1, data.get(kind), due_at)


async def append(
    journal: Journal, database: Database, run_id: str, epoch: int, kind: Kind, *, signals: int = 0
) -> None:
    """Write a change as a worker would that knows how far the history goes.

    Args:
        signals: how many signals it has seen.
    """
    seq = len(await kinds_of(database, run_id))
    changes = [change(kind, journal.now())]
    await journal.append(run_id, epoch, seq, changes, signals=signals)


async def run_in(status: Status, journal: Journal, database: Database) -> str:
    """A run in `status`; its epoch is 1 unless it is queued."""
    if status is Status.QUEUED:
        return (await journal.start(new_run())).run_id
    run_id = (await journal.start(new_run(), worker=WORKER)).run_id
    if status is Status.CANCELLED:
        await journal.cancel(run_id, "default", "test")
    elif status is not Status.RUNNING:
        kinds = {
            Status.WAITING: Kind.WAIT,
            Status.SUCCEEDED: Kind.SUCCEED,
            Status.FAILED: Kind.FAIL,
        }
        await append(journal, database, run_id, 1, kinds[status])
    return run_id


async def apply(
    kind: Kind, run_id: str, journal: Journal, database: Database, clock: ManualClock
) -> None:
    """Apply a transition by the method that does it; a refusal raises, or does nothing."""
    match kind:
        case Kind.CLAIM:
            await journal.claim("worker-2", ROOM)
        case Kind.WAKE:
            clock.advance(1)
            await journal.wake(10)
        case Kind.RESCUE:
            await journal.rescue("worker-2")
        case Kind.CANCEL:
            await journal.cancel(run_id, "default", "test")
        case Kind.DISCARD:
            await journal.discard(run_id, "default", "test", "no use")
        case Kind.REPLAY:
            await journal.start(new_run(replay_of=run_id, by="test"))
        case _:
            await append(journal, database, run_id, 1, kind)


async def status_of(database: Database, run_id: str) -> Status:
    ((status,),) = await database.rows("status", run_id, "default")
    return Status(status)


async def kinds_of(database: Database, run_id: str) -> list[Kind]:
    rows = await database.rows("events", run_id, 0, 1000)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1)), "a gap in the numbers"
    return [Kind(row[2]) for row in rows]


def ended(kinds: list[Kind]) -> int:
    """How often a history ends its run."""
    return sum(kind in (Kind.SUCCEED, Kind.FAIL, Kind.CANCEL) for kind in kinds)


__all__ = [
    "ENDED", "ROOM", "WORKER", "append", "apply", "change", "ended", "kinds_of", "new_run",
    "run_in", "status_of",
]  # fmt: skip
