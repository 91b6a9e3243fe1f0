"""What the end of a run means for others is done once, whatever happens in between."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.clock import ManualClock
from minizaps.errors import JournalUnavailable
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.status import Kind, Status
from minizaps.worker.follow_up import FollowUp
from minizaps.worker.pruner import Pruner
from tests.journal.limited import claim, start, statuses, turns
from tests.journal.runs import append, kinds_of, status_of

ONE = ("w:a", 1, "queue")


async def test_the_duty_mends_what_a_dead_process_left(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    first, second = [await start(journal, concurrency=ONE) for _ in range(2)]
    await claim(journal)
    await append(journal, database, first, 1, Kind.SUCCEED)
    assert await claim(journal) == []
    journal = Journal(database, clock)
    assert await FollowUp(journal).run_once() == 1
    assert await claim(journal) == [second]
    assert await FollowUp(journal).run_once() == 0


async def test_a_turn_is_given_on_once_however_often_an_end_is_followed_up(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await start(journal, concurrency=ONE) for _ in range(4)]
    await claim(journal)
    await append(journal, database, ids[0], 1, Kind.FAIL)

    async def die(_: str) -> None:
        raise JournalUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(database.transitions, "followed_up", die)
        for _ in range(2):
            with pytest.raises(JournalUnavailable):
                await journal.follow_up(ids[0])
    await asyncio.gather(*(journal.follow_up(ids[0]) for _ in range(5)))
    found = await statuses(database, ids)
    assert found == [Status.FAILED, Status.QUEUED, Status.WAITING, Status.WAITING]
    assert await kinds_of(database, ids[1]) == [Kind.DEFER, Kind.WAKE]
    assert await journal.to_follow_up(10) == []


async def test_a_cancel_stands_when_its_follow_up_fails(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [await start(journal, concurrency=ONE) for _ in range(2)]

    async def die(*_: object, **__: object) -> None:
        raise JournalUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(database), "write", die)
        await journal.cancel(first, "default", "ada")
    assert await statuses(database, [first, second]) == [Status.CANCELLED, Status.WAITING]
    await FollowUp(journal).run_once()
    assert await status_of(database, second) is Status.QUEUED


async def test_a_turn_is_not_given_to_a_run_that_was_cancelled_while_it_waited(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    first, gone, last = [await start(journal, concurrency=ONE) for _ in range(3)]
    await claim(journal)
    for run_id in (gone, first):  # both by a process that dies before the follow-up
        await database.transitions.change(Kind.CANCEL, run_id, "default", clock.now(), "{}")
    await journal.follow_up(first)
    assert await statuses(database, [gone, last]) == [Status.CANCELLED, Status.QUEUED]
    assert await kinds_of(database, gone) == [Kind.DEFER, Kind.CANCEL]
    await FollowUp(journal).run_once()
    assert [run_id for _, run_id, _ in await turns(database)] == [last]


async def test_a_run_that_has_not_ended_is_not_followed_up(
    journal: Journal, database: Database
) -> None:
    first, second = [await start(journal, concurrency=ONE) for _ in range(2)]
    await journal.follow_up(first)
    assert await status_of(database, second) is Status.WAITING
    assert len(await turns(database)) == 2


async def test_no_run_is_deleted_before_it_was_followed_up(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    first = await start(journal, concurrency=ONE)
    await claim(journal)
    await append(journal, database, first, 1, Kind.SUCCEED)
    clock.advance(86_400 * 31)
    pruner = Pruner(journal, clock, run_days=30, dead_letter_days=90, idempotency_hours=24)
    assert await pruner.run_once() == 0
    await FollowUp(journal).run_once()
    assert await turns(database) == []
    assert await pruner.run_once() == 1


async def test_runs_that_never_started_leave_nothing_to_follow_up(
    journal: Journal, database: Database
) -> None:
    for _ in range(3):
        await start(journal, debounce=("w:a", 1000))
        await start(journal, concurrency=("w:a", 1, "skip"))
    assert await journal.to_follow_up(10) == []
    assert len(await turns(database)) == 2
