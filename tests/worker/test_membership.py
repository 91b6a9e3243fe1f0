"""Who is alive, who is dead, and what a worker does that was taken for dead."""

from __future__ import annotations

import asyncio
import math
import time
from types import SimpleNamespace
from typing import Any

import pytest

from minizaps.clock import ManualClock
from minizaps.errors import JournalUnavailable, LeaseLost
from minizaps.journal.claims import Room
from minizaps.journal.postgres import membership
from minizaps.journal.status import Kind
from minizaps.worker.heartbeat import Heartbeat
from minizaps.worker.worker import Worker
from tests.journal.runs import change, new_run
from tests.worker.conftest import Member

Members = tuple[Member, Member]
ROOM = Room(10, 10)


async def test_a_worker_whose_session_is_gone_is_dead_after_three_seconds(
    members: Members, clock: ManualClock
) -> None:
    a, b = members
    await b.cut()
    clock.advance(2.9)
    await a.session.beat()
    assert await a.session.bury() == 0
    clock.advance(0.2)
    async with asyncio.timeout(5):
        while not await a.session.bury():
            await asyncio.sleep(0.01)


async def test_a_silent_worker_with_a_session_keeps_its_lease_for_fifteen_seconds(
    members: Members, clock: ManualClock
) -> None:
    a, _ = members
    for seconds, dead in ((14.9, 0), (0.2, 1), (20, 0)):
        clock.advance(seconds)
        await a.session.beat()
        assert await a.session.bury() == dead


async def test_a_worker_that_comes_back_in_time_keeps_its_runs(
    members: Members, clock: ManualClock
) -> None:
    a, b = members
    await b.journal.start(new_run())
    await b.journal.claim(b.name, ROOM)
    await b.cut()
    clock.advance(2)
    assert await b.session.beat()
    clock.advance(2)
    assert await a.session.bury() == 0
    assert await a.journal.rescue(a.name) == 0


async def test_a_dead_workers_runs_are_taken_over_and_its_late_writes_change_nothing(
    members: Members, clock: ManualClock
) -> None:
    a, b = members
    await b.journal.start(new_run())
    (held,) = await b.journal.claim(b.name, ROOM)
    clock.advance(15.1)
    await a.session.beat()
    assert await a.session.bury() == 1
    assert await a.journal.rescue(a.name) == 1
    (taken,) = await a.journal.claim(a.name, ROOM)
    assert (taken.run.id, taken.epoch) == (held.run.id, 2)
    for kind in (Kind.BEGIN, Kind.SUCCEED, Kind.RELEASE):
        with pytest.raises(LeaseLost):
            await b.journal.append(held.run.id, 1, 2, [change(kind, clock.now())])
    assert not await b.session.beat()


async def test_a_run_that_was_started_for_a_dead_worker_is_taken_over(
    members: Members, clock: ManualClock
) -> None:
    a, b = members
    clock.advance(15.1)
    await a.session.beat()
    await a.session.bury()
    await b.journal.start(new_run(), worker=b.name)  # it has not noticed yet
    assert await a.journal.rescue(a.name) == 1


async def test_a_session_that_has_just_come_back_judges_nobody(
    members: Members, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _ = members
    clock.advance(20)
    monkeypatch.setattr(membership, "SETTLED", math.inf)
    await a.session.beat()
    assert await a.session.bury() == 0


async def test_what_one_process_queues_or_cancels_the_others_are_told(members: Members) -> None:
    a, b = members
    told: list[str] = []
    a.journal.on_cancel = told.append
    a.journal.ready.clear()
    started = await b.journal.start(new_run())
    async with asyncio.timeout(5):
        await a.journal.ready.wait()
        await b.journal.cancel(started.run_id, "default", "ada")
        while not told:
            await asyncio.sleep(0.001)
    assert told == [started.run_id]


class Silent:
    """A membership that reaches nobody, or is told that it is dead."""

    patience = 10.0

    def __init__(self, alive: bool | None) -> None:
        self.alive = alive
        self.joined: list[str] = []

    async def beat(self) -> bool:
        if self.alive is None:
            raise JournalUnavailable("no answer")
        return self.alive

    async def join(self, worker: str) -> None:
        self.joined.append(worker)

    async def bury(self) -> int:
        return 0

    async def leave(self) -> None: ...


def worker_with_a_run() -> tuple[Worker, asyncio.Task[None]]:
    """A worker that drives a run which never ends."""
    journal: Any = SimpleNamespace(backlog=False)
    engine: Any = SimpleNamespace(execution=lambda *_: asyncio.Event().wait())
    worker = Worker(journal, engine, concurrency=5)
    run: Any = SimpleNamespace(id="1", project="default")
    claimed: Any = SimpleNamespace(run=run, epoch=1)
    worker.take(claimed, "journal")
    return worker, worker._driven["1"].task


async def test_a_worker_that_was_taken_for_dead_drops_its_runs_and_takes_a_new_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker, task = worker_with_a_run()
    name, silent = worker.name, Silent(alive=False)
    assert not await Heartbeat(silent, worker).run_once()
    await worker.settle()
    assert task.done()
    assert silent.joined == [worker.name]
    assert worker.name != name
    assert "taken for dead" in caplog.text


async def test_a_worker_out_of_reach_stops_itself_before_its_lease_is_anothers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker, task = worker_with_a_run()
    heartbeat = Heartbeat(Silent(alive=None), worker)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for later, stopped in ((9.9, False), (10.1, True)):
        monkeypatch.setattr(time, "monotonic", lambda later=later: now + later)
        with pytest.raises(JournalUnavailable):
            await heartbeat.run_once()
        monkeypatch.undo()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert task.done() == stopped
    assert worker.leases == {}
