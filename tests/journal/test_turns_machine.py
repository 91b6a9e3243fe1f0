"""A state machine: in whatever order runs come, end and die, a key's turns are right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from minizaps.clock import ManualClock
from minizaps.errors import Conflict
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.status import ENDED, Kind, Status
from minizaps.worker.follow_up import FollowUp
from tests.journal.limited import claim, limited, turns
from tests.journal.runs import append, ended, kinds_of, status_of
from tests.journal.test_machine import new_url

__all__ = ["new_url"]
LIMITS = {
    "w:a": (1, "queue"),
    "w:b": (2, "queue"),
    "w:c": (2, "cancel_running"),
    "w:d": (1, "skip"),
}
NUMBER = st.integers(0, 1_000)


class TurnsMachine(RuleBasedStateMachine):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.clock = ManualClock()
        self.database = self.loop.run(open_database(url))
        self.journal = Journal(self.database, self.clock)
        self.runs: dict[str, str] = {}  # their keys

    def teardown(self) -> None:
        self.loop.run(self.finish())
        self.loop.run(self.database.close())
        self.loop.close()

    async def finish(self) -> None:
        """Everything comes to its end, and nothing is left."""
        for _ in range(2 * len(self.runs) + 1):
            self.clock.advance(10)
            await self.journal.look_at_gates(100)
            for run_id in await claim(self.journal):
                await append(self.journal, self.database, run_id, 1, Kind.SUCCEED)
            for run_id in self.runs:
                if await status_of(self.database, run_id) is Status.RUNNING:
                    await append(self.journal, self.database, run_id, 1, Kind.SUCCEED)
            await FollowUp(self.journal).run_once()
        for run_id in self.runs:
            assert await status_of(self.database, run_id) in ENDED
            assert ended(await kinds_of(self.database, run_id)) == 1
        assert await turns(self.database) == []

    @rule(key=st.sampled_from(sorted(LIMITS)), priority=st.integers(-1, 1), silence=st.booleans())
    def start(self, key: str, priority: int, silence: bool) -> None:
        fields: dict[str, Any] = {"debounce": (key, 1000)} if silence else {}
        new = limited(concurrency=(key, *LIMITS[key]), priority=priority, **fields)
        run_id = self.loop.run(self.journal.start(new)).run_id
        self.runs[run_id] = key

    @rule(seconds=st.sampled_from([0.5, 1.0]))
    def wake(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.loop.run(self.journal.look_at_gates(100))

    @rule()
    def claim(self) -> None:
        self.loop.run(claim(self.journal))

    @rule(number=NUMBER, kind=st.sampled_from([Kind.SUCCEED, Kind.FAIL]), dies=st.booleans())
    def end(self, number: int, kind: Kind, dies: bool) -> None:
        async def end() -> None:
            running = [
                run_id
                for run_id in self.runs
                if await status_of(self.database, run_id) is Status.RUNNING
            ]
            if running:
                run_id = running[number % len(running)]
                await append(self.journal, self.database, run_id, 1, kind)
                if not dies:
                    await self.journal.follow_up(run_id)

        self.loop.run(end())

    @rule(number=NUMBER)
    def cancel(self, number: int) -> None:
        if self.runs:
            run_id = list(self.runs)[number % len(self.runs)]
            try:
                self.loop.run(self.journal.cancel(run_id, "default", "ada"))
            except Conflict:
                return

    @rule()
    def follow_up(self) -> None:
        self.loop.run(FollowUp(self.journal).run_once())

    @invariant()
    def turns_are_right(self) -> None:
        self.loop.run(self.check())

    async def check(self) -> None:
        rows = await turns(self.database)
        status = {run_id: await status_of(self.database, run_id) for run_id in self.runs}
        left = set(await self.journal.to_follow_up(1000))
        for key, (limit, _) in LIMITS.items():
            here = {run_id: taken for k, run_id, taken in rows if k == f"concurrency:{key}"}
            taken = [run_id for run_id in here if here[run_id]]
            held = [run_id for run_id in here if not here[run_id]]
            assert len(taken) <= limit
            assert not held or len(taken) == limit, "one waits although there is room"
            for run_id in here:
                assert status[run_id] not in ENDED or run_id in left
            under_way = {r for r, k in self.runs.items() if k == key and status[r] not in ENDED}
            pending = {run_id for k, run_id, _ in rows if k == f"debounce:{key}"}
            assert under_way <= here.keys() | pending
            waiting = [r for r in held if status[r] is Status.WAITING]
            assert all(status[r] in ENDED or r in waiting for r in held)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_turns_are_right_in_whatever_order_runs_come_and_end(
    kind: str,
    new_url: Callable[[str], str],
) -> None:
    run_state_machine_as_test(
        lambda: TurnsMachine(new_url(kind)),
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
