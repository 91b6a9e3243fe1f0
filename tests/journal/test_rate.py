"""Never more runs start than the rate allows, in any span, and none later than it has to."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minizaps.clock import ManualClock
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.status import Kind, Status
from minizaps.worker.pruner import Pruner
from tests.journal.limited import claim, end, start, statuses, turns
from tests.journal.runs import kinds_of, status_of

KEYS = count()
TWO_A_SECOND = ("w:a", 2, 1000)


async def wake(journal: Journal) -> None:
    """As the waker does: until nothing is due any more."""
    while await journal.look_at_gates(100):
        pass


async def test_further_runs_start_when_the_window_lets_them(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    ids = []
    for _ in range(5):
        ids.append(await start(journal, rate=TWO_A_SECOND))
        clock.advance(0.1)
    assert await claim(journal) == ids[:2]
    assert await kinds_of(database, ids[2]) == [Kind.DEFER]
    await wake(journal)
    assert journal.gates_due.at == clock.now() + 500
    for seconds, ready in ((0.499, []), (0.001, [ids[2]]), (0.099, []), (0.001, [ids[3]])):
        clock.advance(seconds)
        await wake(journal)
        assert await claim(journal) == ready
    assert await kinds_of(database, ids[2]) == [Kind.DEFER, Kind.WAKE, Kind.CLAIM]


async def test_after_a_downtime_no_more_start_than_may_in_the_order_of_their_arrival(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    ids = [await start(journal, rate=TWO_A_SECOND, priority=n) for n in range(9)]
    assert set(await claim(journal)) == set(ids[:2])
    clock.advance(3600)
    journal = Journal(database, clock)
    for place in (2, 4, 6, 8):
        await wake(journal)
        assert sorted(await claim(journal)) == sorted(ids[place : place + 2])
        clock.advance(1)


async def test_all_that_may_start_do_so_within_two_looks(
    journal: Journal, clock: ManualClock
) -> None:
    ids = [await start(journal, rate=("w:a", 20, 1000)) for _ in range(60)]
    assert len(await claim(journal)) == 20
    clock.advance(60)
    for _ in range(2):
        await journal.look_at_gates(100)
    assert sorted(await claim(journal)) == sorted(ids[20:40])


async def test_a_late_look_delays_those_that_follow(journal: Journal, clock: ManualClock) -> None:
    ids = [await start(journal, rate=("w:a", 1, 1000)) for _ in range(3)]
    clock.advance(1.7)
    await wake(journal)
    assert await claim(journal) == ids[:2]
    clock.advance(0.999)
    await wake(journal)
    assert await claim(journal) == []
    clock.advance(0.001)
    await wake(journal)
    assert await claim(journal) == ids[2:]


async def test_the_first_in_line_that_is_cancelled_leaves_its_place_to_the_next(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    first, held, last = [await start(journal, rate=("w:a", 1, 1000)) for _ in range(3)]
    await journal.cancel(held, "default", "ada")
    clock.advance(1)
    await wake(journal)
    assert await claim(journal) == [first, last]
    assert await turns(database) == []


async def test_one_whose_timeout_comes_first_leaves_its_place_to_the_next(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    rate = ("w:a", 1, 1000)
    first = await start(journal, rate=rate)
    late = await start(journal, rate=rate, deadline=clock.now() + 400)
    last = await start(journal, rate=rate)
    for seconds, ready in ((0, [first]), (0.4, [late]), (0.599, []), (0.001, [last])):
        clock.advance(seconds)
        await wake(journal)
        assert await claim(journal) == ready
    assert await turns(database) == []


async def test_a_run_passes_the_rate_before_it_waits_for_its_turn(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    limits: Any = {"rate": ("w:a", 2, 1000), "concurrency": ("w:a", 1, "queue")}
    ids = [await start(journal, **limits) for _ in range(3)]
    assert {key.partition(":")[0] for key, _, _ in await turns(database)} == {"rate", "concurrency"}
    assert await claim(journal) == ids[:1]
    clock.advance(1)
    await wake(journal)
    assert await claim(journal) == []
    for place in (0, 1, 2):
        await end(journal, database, ids[place])
        assert await claim(journal) == ids[place + 1 : place + 2]
    assert await turns(database) == []


async def test_a_skipped_run_is_no_start(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    limits: Any = {"rate": ("w:a", 2, 1000), "concurrency": ("w:a", 1, "skip")}
    first, skipped = [await start(journal, **limits) for _ in range(2)]
    await claim(journal)
    await end(journal, database, first)
    last = await start(journal, **limits)
    found = await statuses(database, [first, skipped, last])
    assert found == [Status.SUCCEEDED, Status.CANCELLED, Status.QUEUED]


async def test_the_times_are_forgotten_when_they_matter_to_nobody(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    for key in ("w:a", "w:b"):
        await start(journal, rate=(key, 1, 60_000))
    pruner = Pruner(journal, clock, run_days=30, dead_letter_days=90, idempotency_hours=24)
    for seconds, left in ((60, 2), (0.001, 0)):
        clock.advance(seconds)
        await pruner.run_once()
        assert len(await database.select("SELECT key FROM rates", [])) == left


async def starts_of(database: Database, ids: list[str]) -> list[int]:
    """When each run became ready."""
    times = []
    for run_id in ids:
        rows = await database.rows("events", run_id, 0, 10)
        times.append(next(at for _, at, kind, *_ in rows if kind in (Kind.START, Kind.WAKE)))
    return times


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    limit=st.integers(1, 4),
    per=st.integers(1, 50),
    gaps=st.lists(st.one_of(st.just(0), st.integers(0, 30)), min_size=1, max_size=20),
)
async def test_in_any_span_no_more_start_than_the_limit_and_none_waits_longer_than_it_has_to(
    limit: int,
    per: int,
    gaps: list[int],
    journal: Journal,
    database: Database,
    clock: ManualClock,
) -> None:
    ids, arrived = [], []
    rate = (f"w:{next(KEYS)}", limit, per)
    for gap in gaps:
        for _ in range(gap):
            clock.advance(0.001)
            await wake(journal)
        ids.append(await start(journal, rate=rate))
        arrived.append(clock.now())
    for _ in range(per * len(ids)):
        if set(await statuses(database, ids)) == {Status.QUEUED}:
            break
        clock.advance(0.001)
        await wake(journal)
    times = await starts_of(database, ids)
    expected: list[int] = []
    for at in arrived:
        opens = expected[-limit] + per if len(expected) >= limit else 0
        expected.append(max(at, opens))
    assert times == expected
    assert all(later - earlier >= 0 for earlier, later in pairwise(times))
    assert await turns(database) == []


async def test_only_the_first_of_those_that_wait_asks_for_a_look(
    journal: Journal, database: Database, clock: ManualClock
) -> None:
    ids = [await start(journal, rate=("w:a", 1, 1000)) for _ in range(30)]
    clock.advance(1)
    due = await database.rows("due_gates", clock.now(), 100)
    assert [run_id for run_id, _ in due] == [ids[1]]
    assert orjson.loads(due[0][1])["rate"] == ["w:a", 1, 1000]
    assert await status_of(database, ids[2]) is Status.WAITING
