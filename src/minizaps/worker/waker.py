"""Duty: wake the waiting runs whose time has come, or look at those at a gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from minizaps.clock import Clock
from minizaps.journal.alarm import Alarm
from minizaps.journal.journal import Journal
from minizaps.worker.duties import wait_for

BATCH = 250
POLL = 1.0


class Waker:
    """Makes due runs ready."""

    def __init__(self, wake: Callable[[int], Awaitable[int]], due: Alarm, clock: Clock) -> None:
        """
        Args:
            wake: wakes so many runs at most, learns when the next one is due, and gives how many
                it has woken.
            due: when the next one is due.
        """
        self._wake = wake
        self._due = due
        self._clock = clock

    async def run_once(self) -> int:
        """Wake all that is due; return how many runs that were."""
        woken = batch = await self._wake(BATCH)
        while batch == BATCH:
            batch = await self._wake(BATCH)
            woken += batch
        return woken

    async def pause(self) -> None:
        """Wait until the next run is due."""
        left = (self._due.at - self._clock.now()) / 1000
        self._due.sooner.clear()
        await wait_for(self._due.sooner, min(max(left, 0.0), POLL))


def wakers(journal: Journal, clock: Clock) -> tuple[Waker, Waker]:
    """One for the runs that wait for a time, and one for those at a gate.

    The second may have to wait for a key that another process has, which must not make the runs of
    the first late.
    """
    return (
        Waker(journal.wake, journal.due, clock),
        Waker(journal.look_at_gates, journal.gates_due, clock),
    )


async def wake_all(journal: Journal, clock: Clock) -> int:
    """Do both duties once; return how many runs were woken."""
    return sum([await waker.run_once() for waker in wakers(journal, clock)])
