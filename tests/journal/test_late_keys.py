"""A run that waits until its key is free is written down as of the moment when it has the key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from minizaps.clock import ManualClock
from minizaps.journal.journal import Journal
from minizaps.journal.postgres.database import PostgresDatabase
from minizaps.journal.postgres.keyed import lock_of
from minizaps.journal.records import Run
from minizaps.journal.rows import to_run
from minizaps.journal.signals import Signals
from minizaps.journal.status import Kind, Status
from minizaps.worker.waker import wakers
from tests.journal.limited import claim, end, start
from tests.journal.runs import append, run_in, status_of

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
LATE = 700  # milliseconds that the key is another's


class Stage:
    """A journal, and another process that holds a key."""

    def __init__(self, database: PostgresDatabase, clock: ManualClock) -> None:
        self.database = database
        self.clock = clock
        self.journal = Journal(database, clock)

    @asynccontextmanager
    async def late(self, key: str, writing: Coroutine[Any, Any, Any]) -> AsyncIterator[Any]:
        """Something is asked for, and has its key after a while; what is done meanwhile."""
        other = await asyncpg.connect(self.database.url)
        try:
            async with other.transaction():
                await other.execute("SELECT pg_advisory_xact_lock($1)", lock_of(key))
                task = asyncio.create_task(writing)
                async with asyncio.timeout(10):
                    while not await other.fetchval(WAITING):
                        await asyncio.sleep(0.01)
                self.clock.advance(LATE / 1000)
                yield task
        finally:
            await other.close()
        await task

    async def run(self, run_id: str) -> Run:
        """The row of a run."""
        (row,) = await self.database.rows("run", run_id)
        return to_run(row)

    async def times(self, run_id: str) -> list[tuple[Kind, int]]:
        """The kinds of a run's events, with their times."""
        rows = await self.database.rows("events", run_id, 0, 100)
        return [(Kind(kind), at) for _, at, kind, *_ in rows]


@pytest.fixture
async def stage(postgres_url: str, clock: ManualClock) -> AsyncIterator[Stage]:
    database = await PostgresDatabase.open(postgres_url)
    yield Stage(database, clock)
    await database.close()


async def test_a_run_starts_after_the_end_of_the_one_whose_turn_it_gets(stage: Stage) -> None:
    turn: Any = {"concurrency": ("w:a", 1, "cancel_running")}
    first = await start(stage.journal, **turn)
    await claim(stage.journal)
    asked = stage.clock.now()
    async with stage.late("concurrency:w:a", start(stage.journal, **turn)) as starting:
        await append(stage.journal, stage.database, first, 1, Kind.SUCCEED)
    run_id = starting.result()
    ended = (await stage.run(first)).finished_at
    assert await stage.times(run_id) == [(Kind.START, ended)] == [(Kind.START, asked + LATE)]
    run = await stage.run(run_id)
    assert (run.status, run.created_at, run.due_at) == (Status.QUEUED, asked, asked + LATE)


async def test_a_turn_is_given_on_when_its_key_is_free(stage: Stage) -> None:
    turn: Any = {"concurrency": ("w:a", 1, "queue")}
    first, held = [await start(stage.journal, **turn) for _ in range(2)]
    await claim(stage.journal)
    asked = stage.clock.now()
    async with stage.late("concurrency:w:a", end(stage.journal, stage.database, first)):
        pass
    assert await stage.times(held) == [(Kind.DEFER, asked), (Kind.WAKE, asked + LATE)]


async def test_a_rate_counts_the_moments_at_which_runs_could_start(stage: Stage) -> None:
    rate: Any = {"rate": ("w:a", 1, 1000)}
    asked = stage.clock.now()
    async with stage.late("rate:w:a", start(stage.journal, **rate)):
        pass
    held = await start(stage.journal, **rate)
    assert (await stage.run(held)).due_at == asked + LATE + 1000
    stage.clock.advance(1)
    async with stage.late("rate:w:a", stage.journal.look_at_gates(10)):
        pass
    assert (await stage.times(held))[-1] == (Kind.WAKE, asked + LATE + 1000 + LATE)


async def test_while_a_look_at_a_gate_waits_for_its_key_other_runs_are_woken_in_time(
    stage: Stage,
) -> None:
    waits = await run_in(Status.WAITING, stage.journal, stage.database)
    held = [await start(stage.journal, rate=("w:a", 1, 100)) for _ in range(2)][1]
    stage.clock.advance(0.3)
    timed, gates = wakers(stage.journal, stage.clock)
    async with stage.late("rate:w:a", gates.run_once()) as looking:
        assert await timed.run_once() == 1
        assert await status_of(stage.database, waits) is Status.QUEUED
        assert not looking.done()
    assert await status_of(stage.database, held) is Status.QUEUED


async def test_the_silence_of_a_debounce_begins_when_the_run_is_in(stage: Stage) -> None:
    asked = stage.clock.now()
    async with stage.late("debounce:w:a", start(stage.journal, debounce=("w:a", 1000))) as starting:
        pass
    run = await stage.run(starting.result())
    assert (run.status, run.due_at) == (Status.WAITING, asked + LATE + 1000)


async def test_a_signal_comes_in_when_it_is_written(stage: Stage) -> None:
    run_id = await run_in(Status.WAITING, stage.journal, stage.database)
    asked = stage.clock.now()
    signals = Signals(stage.database, stage.journal, stage.clock)
    async with stage.late(f"signals:{run_id}", signals.post(run_id, "a", {"output": 1})):
        pass
    assert (await stage.times(run_id))[-1] == (Kind.WAKE, asked + LATE)
    assert [signal.at for signal in await signals.unread(run_id, 0)] == [asked + LATE]
