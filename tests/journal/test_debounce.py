"""Of runs in quick succession only the last one starts; every one has an end."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from minizaps.clock import ManualClock
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.status import Kind, Status
from tests.journal.limited import claim, end, last_facts, start, statuses, turns
from tests.journal.runs import kinds_of, status_of

SECOND = ("w:a", 1000)


async def test_each_run_cancels_the_one_before_until_there_is_silence(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    ids = []
    for _ in range(4):
        ids.append(await start(journal, debounce=SECOND))
        clock.advance(0.9)
        assert await journal.look_at_gates(10) == 0
    for earlier, later in pairwise(ids):
        assert await kinds_of(database, earlier) == [Kind.DEFER, Kind.CANCEL]
        facts = {"by": "debounce", "run": later}
        assert await last_facts(database, earlier) == (Kind.CANCEL, facts)
    clock.advance(0.099)
    assert await journal.look_at_gates(10) == 0
    clock.advance(0.001)
    await journal.look_at_gates(10)
    assert await claim(journal) == ids[-1:]
    assert await turns(database) == []


async def test_a_run_that_comes_after_the_silence_waits_for_one_of_its_own(
    journal: Journal, clock: ManualClock
) -> None:
    first = await start(journal, debounce=SECOND)
    clock.advance(1)
    await journal.look_at_gates(10)
    second = await start(journal, debounce=SECOND)
    assert await claim(journal) == [first]
    clock.advance(1)
    await journal.look_at_gates(10)
    assert await claim(journal) == [second]


async def test_a_burst_of_two_processes_leaves_one_run(
    database_url: str, clock: ManualClock
) -> None:
    databases = [await open_database(database_url) for _ in range(2)]
    journals = [Journal(database, clock) for database in databases]
    ids = await asyncio.gather(*(start(journals[n % 2], debounce=SECOND) for n in range(60)))
    clock.advance(1)
    await asyncio.gather(*(journal.look_at_gates(100) for journal in journals))
    (left,) = await claim(journals[0])
    assert len(await turns(databases[0])) == 0
    found = await statuses(databases[0], ids)
    assert found.count(Status.CANCELLED) == 59
    assert found[ids.index(left)] is Status.RUNNING
    for database in databases:
        await database.close()


async def test_a_person_cancels_the_run_that_waits_for_silence(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    run_id = await start(journal, debounce=SECOND)
    await journal.cancel(run_id, "default", "ada")
    assert await turns(database) == []
    clock.advance(2)
    await journal.look_at_gates(10)
    assert await kinds_of(database, run_id) == [Kind.DEFER, Kind.CANCEL]


async def test_other_keys_are_not_disturbed(journal: Journal, clock: ManualClock) -> None:
    ids = [await start(journal, debounce=(f"w:{n}", 1000)) for n in range(3)]
    clock.advance(1)
    await journal.look_at_gates(10)
    assert sorted(await claim(journal)) == sorted(ids)


@pytest.mark.parametrize(
    ("on_limit", "first_status", "second_status"),
    [
        ("queue", Status.RUNNING, Status.WAITING),
        ("skip", Status.RUNNING, Status.CANCELLED),
        ("cancel_running", Status.CANCELLED, Status.QUEUED),
    ],
)
async def test_after_the_silence_a_run_comes_to_the_next_gates(
    on_limit: str,
    first_status: Status,
    second_status: Status,
    journal: Journal,
    database: Database,
    clock: ManualClock,
) -> None:
    limits: Any = {"debounce": SECOND, "concurrency": ("w:a", 1, on_limit)}
    ids = []
    for _ in range(2):
        ids.append(await start(journal, **limits))
        clock.advance(1)
        await journal.look_at_gates(10)
        if len(ids) == 1:
            assert await claim(journal) == ids
    assert await statuses(database, ids) == [first_status, second_status]
    if first_status is Status.RUNNING:
        await end(journal, database, ids[0])
    (left,) = await claim(journal) or [None]
    assert left == (None if second_status is Status.CANCELLED else ids[1])
    if left is not None:
        await end(journal, database, left)
    assert await turns(database) == []


async def test_all_three_gates_are_passed_in_their_order(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    limits: Any = {"debounce": SECOND, "rate": ("w:a", 1, 5000)}
    limits["concurrency"] = ("w:a", 1, "queue")
    gates = "SELECT gate FROM runs WHERE status = 'waiting' ORDER BY id"
    first = await start(journal, **limits)
    assert await database.select(gates, []) == [("debounce",)]
    clock.advance(1)
    await journal.look_at_gates(10)
    assert await claim(journal) == [first]
    second = await start(journal, **limits)
    for seconds, gate in ((1, "rate"), (4, "concurrency")):
        clock.advance(seconds)
        await journal.look_at_gates(10)
        assert await database.select(gates, []) == [(gate,)]
    await end(journal, database, first)
    assert await status_of(database, second) is Status.QUEUED
    assert await kinds_of(database, second) == [Kind.DEFER, Kind.WAKE]
