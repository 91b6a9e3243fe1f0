"""Duty: wake the waiting runs whose time has come."""

from __future__ import annotations

from minizaps.clock import Clock
from minizaps.journal.journal import Journal
from minizaps.worker.duties import wait_for

BATCH = 250
POLL = 1.0


class Waker:
    """Makes due runs ready."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    async def run_once(self) -> int:
        """Wake all that is due; return how many runs that were."""
        woken = batch = await self._journal.wake(BATCH)
        while batch == BATCH:
            batch = await self._journal.wake(BATCH)
            woken += batch
        return woken

    async def pause(self) -> None:
        """Wait until the next run is due."""
        left = (self._journal.next_due - self._clock.now()) / 1000
        self._journal.due_sooner.clear()
        await wait_for(self._journal.due_sooner, min(max(left, 0.0), POLL))
