"""Which runs are claimed: projects take turns, nobody takes all the places."""

from __future__ import annotations

from collections import Counter

from minizaps.clock import ManualClock
from minizaps.journal.claims import Room
from minizaps.journal.journal import Journal
from tests.journal.runs import WORKER, new_run


async def start_many(journal: Journal, clock: ManualClock, **counts: int) -> None:
    for project, count in counts.items():
        for _ in range(count):
            clock.advance(0.001)
            await journal.start(new_run(project))


async def test_projects_take_turns_however_long_their_queues(
    journal: Journal, clock: ManualClock
) -> None:
    await start_many(journal, clock, flood=20, small=2, tiny=1)
    claimed = await journal.claim(WORKER, Room(6, 6))
    assert Counter(c.run.project for c in claimed) == {"flood": 2, "small": 2, "tiny": 1}
    assert journal.backlog, "the free place is filled by the next claim"


async def test_a_projects_highest_priority_comes_first(
    journal: Journal, clock: ManualClock
) -> None:
    for priority in (0, 5, -5, 5):
        clock.advance(0.001)
        await journal.start(new_run(priority=priority))
    claimed = [(await journal.claim(WORKER, Room(1, 9)))[0].run for _ in range(4)]
    started = sorted(run.id for run in claimed)
    assert [started.index(run.id) for run in claimed] == [1, 3, 0, 2]


async def test_a_projects_runs_come_in_the_order_of_their_age(
    journal: Journal, clock: ManualClock
) -> None:
    await start_many(journal, clock, a=5)
    claimed = await journal.claim(WORKER, Room(5, 5))
    assert [c.run.id for c in claimed] == sorted(c.run.id for c in claimed)


async def test_the_turn_goes_on_after_the_project_served_last(
    journal: Journal, clock: ManualClock
) -> None:
    await start_many(journal, clock, a=3, b=3, c=3)
    (first,) = await journal.claim(WORKER, Room(1, 3, after="a"))
    (second,) = await journal.claim(WORKER, Room(1, 3, after=first.run.project))
    (third,) = await journal.claim(WORKER, Room(1, 3, after=second.run.project))
    assert [r.run.project for r in (first, second, third)] == ["b", "c", "a"]


async def test_a_project_gets_no_more_than_its_share(journal: Journal, clock: ManualClock) -> None:
    await start_many(journal, clock, flood=10, other=1)
    claimed = await journal.claim(WORKER, Room(10, 4, held={"flood": 1}))
    assert Counter(c.run.project for c in claimed) == {"flood": 3, "other": 1}


async def test_a_claimed_run_is_claimed_once(journal: Journal, clock: ManualClock) -> None:
    await start_many(journal, clock, a=3)
    assert len(await journal.claim(WORKER, Room(10, 10))) == 3
    assert await journal.claim("worker-2", Room(10, 10)) == []


async def test_a_claimed_run_comes_with_its_history(journal: Journal) -> None:
    await journal.start(new_run())
    (claimed,) = await journal.claim(WORKER, Room(1, 1))
    assert [event.kind for event in claimed.events] == ["start", "claim"]
    assert claimed.events[0].data["trigger"]["body"] == 1
