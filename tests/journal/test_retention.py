"""What is deleted when its time is over, and what is not."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.clock import ManualClock
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.records import Idempotency
from minizaps.journal.status import Status
from minizaps.worker.pruner import Pruner
from tests.journal.runs import new_run, run_in, status_of

DAY = 86_400


@pytest.fixture
def pruner(journal: Journal, clock: ManualClock) -> Pruner:
    return Pruner(journal, clock, run_days=30, dead_letter_days=90, idempotency_hours=24)


async def left(database: Database, ids: dict[Status, str]) -> set[Status]:
    return {
        status for status, run_id in ids.items() if await database.rows("status", run_id, "default")
    }


async def test_ended_runs_go_after_thirty_days_and_dead_letters_after_ninety(
    journal: Journal, database: Database, clock: ManualClock, pruner: Pruner
) -> None:
    ids = {status: await run_in(status, journal, database) for status in Status}
    live = {Status.QUEUED, Status.RUNNING, Status.WAITING}
    for days, kept in (
        (29.9, set(Status)),
        (0.2, live | {Status.FAILED}),
        (59.8, live | {Status.FAILED}),
        (0.2, live),
    ):
        clock.advance(days * DAY)
        await pruner.run_once()
        assert await left(database, ids) == kept
    assert not await database.rows("events", ids[Status.SUCCEEDED], 0, 10)
    assert await database.rows("events", ids[Status.WAITING], 0, 10)


async def test_a_handled_dead_letter_goes_as_other_runs_do(
    journal: Journal, database: Database, clock: ManualClock, pruner: Pruner
) -> None:
    run_id = await run_in(Status.FAILED, journal, database)
    await journal.discard(run_id, "default", "ada", None)
    clock.advance(30.1 * DAY)
    assert await pruner.run_once() == 1


async def test_several_pruners_share_the_work(
    journal: Journal, database: Database, clock: ManualClock, pruner: Pruner
) -> None:
    for _ in range(50):
        await run_in(Status.SUCCEEDED, journal, database)
    live = await run_in(Status.QUEUED, journal, database)
    clock.advance(31 * DAY)
    pruned = await asyncio.gather(*(pruner.run_once() for _ in range(3)))
    assert sum(pruned) == 50
    assert await status_of(database, live) is Status.QUEUED


async def test_idempotency_keys_are_kept_for_a_day(
    journal: Journal, clock: ManualClock, pruner: Pruner
) -> None:
    new = new_run(idempotency=Idempotency("hook", "k", "digest"))
    first = await journal.start(new)
    for hours, known in ((23.9, True), (0.2, False)):
        clock.advance(hours * 3600)
        await pruner.run_once()
        assert ((await journal.start(new)).run_id == first.run_id) is known
