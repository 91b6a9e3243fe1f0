"""Of the runs under a key no more than the limit are under way."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.clock import ManualClock
from minizaps.errors import IdempotencyMismatch, LeaseLost
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.records import Idempotency, Parent
from minizaps.journal.status import Kind, Status
from minizaps.worker.follow_up import FollowUp
from tests.journal.limited import (
    all_turns_taken,
    claim,
    end,
    last_facts,
    limited,
    start,
    statuses,
    turns,
)
from tests.journal.runs import WORKER, append, kinds_of, new_run, run_in, status_of

ONE = ("w:a", 1, "queue")
TWO = ("w:a", 2, "queue")


@pytest.mark.parametrize("kind", [Kind.SUCCEED, Kind.FAIL, Kind.CANCEL])
async def test_a_run_waits_for_its_turn_until_another_has_ended(
    kind: Kind, journal: Journal, database: Database
) -> None:
    first, second, third = [await start(journal, concurrency=TWO) for _ in range(3)]
    assert await kinds_of(database, third) == [Kind.DEFER]
    assert set(await claim(journal)) == {first, second}
    await end(journal, database, first, kind)
    assert await claim(journal) == [third]
    assert await kinds_of(database, third) == [Kind.DEFER, Kind.WAKE, Kind.CLAIM]
    for run_id in (second, third):
        await end(journal, database, run_id, kind)
    assert await turns(database) == []


async def test_a_run_that_has_room_is_an_ordinary_one(journal: Journal, database: Database) -> None:
    run_id = await start(journal, concurrency=ONE)
    assert await kinds_of(database, run_id) == [Kind.START]
    assert await claim(journal) == [run_id]


async def test_a_run_that_waits_keeps_its_turn(journal: Journal, database: Database) -> None:
    first, second = [await start(journal, concurrency=ONE) for _ in range(2)]
    await claim(journal)
    await append(journal, database, first, 1, Kind.WAIT)
    assert await status_of(database, first) is Status.WAITING
    assert await claim(journal) == []
    assert await status_of(database, second) is Status.WAITING


async def test_the_highest_priority_goes_first_then_the_oldest(
    journal: Journal, database: Database
) -> None:
    running = await start(journal, concurrency=ONE)
    low, high, old, late = [
        await start(journal, concurrency=ONE, priority=priority) for priority in (-1, 5, 0, 0)
    ]
    order = []
    for _ in range(5):
        (run_id,) = await claim(journal)
        order.append(run_id)
        await end(journal, database, run_id)
    assert order == [running, high, old, late, low]


async def test_a_run_does_not_wait_for_its_turn_beyond_its_timeout(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    first = await start(journal, concurrency=ONE)
    late, last = [
        await start(journal, concurrency=ONE, deadline=deadline)
        for deadline in (clock.now() + 5000, None)
    ]
    assert await claim(journal) == [first]
    clock.advance(4.999)
    assert await journal.look_at_gates(10) == 0
    clock.advance(0.001)
    await journal.look_at_gates(10)
    assert await claim(journal) == [late]
    await end(journal, database, late, Kind.FAIL)
    assert await status_of(database, last) is Status.WAITING
    assert await all_turns_taken(database) == [first]


async def test_keys_do_not_limit_each_other(journal: Journal) -> None:
    ids = [await start(journal, concurrency=(key, 1, "queue")) for key in ("w:a", "w:b", "v:a")]
    assert set(await claim(journal)) == set(ids)


async def test_skip_records_a_run_that_is_cancelled_at_once(
    journal: Journal, database: Database
) -> None:
    first = await start(journal, concurrency=("w:a", 1, "skip"))
    skipped = await start(journal, concurrency=("w:a", 1, "skip"))
    assert await kinds_of(database, skipped) == [Kind.DEFER, Kind.CANCEL]
    assert await last_facts(database, skipped) == (Kind.CANCEL, {"by": "concurrency"})
    assert await claim(journal) == [first]
    assert await all_turns_taken(database) == [first]


@pytest.mark.parametrize("on_limit", ["skip", "cancel_running"])
async def test_an_ended_run_is_not_in_the_way_before_it_was_followed_up(
    on_limit: str, journal: Journal, database: Database
) -> None:
    two = ("w:a", 2, on_limit)
    running, ending = [await start(journal, concurrency=two) for _ in range(2)]
    await claim(journal)
    await append(journal, database, ending, 1, Kind.SUCCEED)
    new = await start(journal, concurrency=two)
    assert await statuses(database, [running, new]) == [Status.RUNNING, Status.QUEUED]
    await journal.follow_up(ending)
    assert set(await all_turns_taken(database)) == {running, new}


async def test_cancel_running_ends_the_oldest_for_the_new_one(
    journal: Journal, database: Database
) -> None:
    dropped: list[str] = []
    journal.on_cancel = dropped.append
    two = ("w:a", 2, "cancel_running")
    oldest, other = [await start(journal, concurrency=two) for _ in range(2)]
    await claim(journal)
    new = await start(journal, concurrency=two)
    assert await last_facts(database, oldest) == (Kind.CANCEL, {"by": "concurrency", "run": new})
    assert dropped == [oldest]
    assert await claim(journal) == [new]
    assert set(await all_turns_taken(database)) == {other, new}
    with pytest.raises(LeaseLost):
        await append(journal, database, oldest, 1, Kind.SUCCEED)


async def test_a_lower_limit_cancels_as_many_as_are_too_many(
    journal: Journal, database: Database
) -> None:
    ids = [await start(journal, concurrency=("w:a", 3, "cancel_running")) for _ in range(3)]
    new = await start(journal, concurrency=("w:a", 1, "cancel_running"))
    assert await statuses(database, ids) == [Status.CANCELLED] * 3
    assert await all_turns_taken(database) == [new]


async def test_a_burst_that_cancels_leaves_the_last_ones(
    journal: Journal, database: Database
) -> None:
    many = [start(journal, concurrency=("w:a", 3, "cancel_running")) for _ in range(20)]
    ids = await asyncio.gather(*many)
    assert set(await claim(journal)) == set(ids[-3:])
    found = await statuses(database, ids)
    assert found == [Status.CANCELLED] * 17 + [Status.RUNNING] * 3


async def test_a_person_cancels_a_run_that_waits_for_its_turn(
    journal: Journal, database: Database
) -> None:
    first, held, last = [await start(journal, concurrency=ONE) for _ in range(3)]
    await journal.cancel(held, "default", "ada")
    assert held not in {run_id for _, run_id, _ in await turns(database)}
    await claim(journal)
    await end(journal, database, first)
    assert await claim(journal) == [last]


async def test_the_same_idempotency_key_takes_no_second_turn(
    journal: Journal, database: Database
) -> None:
    key = Idempotency("run:w", "k", "digest")
    two = limited(concurrency=TWO, idempotency=key)
    first, *again = await asyncio.gather(*(journal.start(two) for _ in range(10)))
    assert {s.run_id for s in again} == {first.run_id}
    assert sum(s.created for s in (first, *again)) == 1
    assert len(await turns(database)) == 1
    other = two._replace(idempotency=Idempotency("run:w", "k", "another"))
    with pytest.raises(IdempotencyMismatch):
        await journal.start(other)


async def test_a_replay_waits_for_its_turn_too(journal: Journal, database: Database) -> None:
    failed = await run_in(Status.FAILED, journal, database)
    running = await start(journal, concurrency=ONE)
    replay = await journal.start(limited(concurrency=ONE, replay_of=failed))
    assert await status_of(database, replay.run_id) is Status.WAITING
    assert await last_facts(database, failed) == (Kind.REPLAY, {"by": None, "run": replay.run_id})
    await claim(journal)
    await end(journal, database, running)
    assert await claim(journal) == [replay.run_id]


async def test_a_child_is_started_once_and_by_the_holder_of_its_parent_alone(
    journal: Journal, database: Database
) -> None:
    parent = await run_in(Status.RUNNING, journal, database)
    child = "018bcfe5-6800-7000-8000-000000000001"
    new = limited(concurrency=ONE, id=child, parent=Parent(parent, 1, True, 1))
    stale = new._replace(parent=Parent(parent, 0, True, 1))
    with pytest.raises(LeaseLost):
        await journal.start(stale)
    assert await turns(database) == []
    assert (await journal.start(new)).created
    assert not (await journal.start(new)).created
    assert await claim(journal) == [child]
    await end(journal, database, child)
    assert not (await journal.start(new)).created
    assert await turns(database) == []


async def test_waiting_runs_go_by_their_own_limits_in_their_order(
    journal: Journal, database: Database
) -> None:
    running = await start(journal, concurrency=ONE)
    old = await start(journal, concurrency=ONE)
    new = await start(journal, concurrency=TWO)  # of a version with a higher limit
    assert await claim(journal) == [running]
    await end(journal, database, running)
    assert set(await claim(journal)) == {old, new}


async def test_a_hundred_starts_of_two_processes_keep_the_limit(
    database_url: str, clock: ManualClock
) -> None:
    databases = [await open_database(database_url) for _ in range(2)]
    journals = [Journal(database, clock) for database in databases]
    three = ("w:a", 3, "queue")
    ids = await asyncio.gather(*(start(journals[n % 2], concurrency=three) for n in range(100)))
    done: list[str] = []
    while ready := await claim(journals[0]):
        assert len(ready) <= 3
        assert len(await all_turns_taken(databases[0])) == 3 or len(done) >= 97
        ends = [end(journals[n % 2], databases[0], run_id) for n, run_id in enumerate(ready)]
        await asyncio.gather(*ends)
        done += ready
    assert sorted(done) == sorted(ids)
    assert await turns(databases[0]) == []
    for database in databases:
        await database.close()


async def test_many_starts_and_ends_at_once_meet_without_a_loss(
    database_url: str, clock: ManualClock
) -> None:
    databases = [await open_database(database_url) for _ in range(2)]
    journals = [Journal(database, clock) for database in databases]
    keys = ["w:a", "w:b", "w:c"]

    async def live(n: int) -> str:
        journal, database = journals[n % 2], databases[n % 2]
        on_limit = ("queue", "cancel_running", "skip")[n % 3]
        run_id = await start(journal, concurrency=(keys[n % 3], 2, on_limit))
        for ready in await claim(journal):
            try:
                await end(journal, database, ready)
            except LeaseLost:
                continue
        return run_id

    ids = await asyncio.gather(*(live(n) for n in range(90)))
    while ready := await claim(journals[0]):
        for run_id in ready:
            await end(journals[0], databases[0], run_id)
    await FollowUp(journals[0]).run_once()
    found = await statuses(databases[0], ids)
    assert set(found) == {Status.SUCCEEDED, Status.CANCELLED}
    assert all(s is Status.SUCCEEDED for s in found[::3]), "who queues gets its turn"
    assert await turns(databases[0]) == []
    for database in databases:
        await database.close()


async def test_runs_without_limits_never_come_to_a_gate(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a gate's transaction")

    monkeypatch.setattr(type(database), "write", refuse)
    run_id = (await journal.start(new_run(), worker=WORKER)).run_id
    await append(journal, database, run_id, 1, Kind.SUCCEED)
    await journal.start(new_run())
    assert len(await claim(journal)) == 1
