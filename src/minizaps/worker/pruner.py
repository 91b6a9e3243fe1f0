"""Duty: delete ended runs and idempotency keys when their time is over."""

from __future__ import annotations

import asyncio

from minizaps.clock import Clock
from minizaps.journal.journal import Journal

INTERVAL = 60.0
GAP = 0.01  # seconds between batches, which the load may have
DAY = 86_400_000  # milliseconds
BATCH = 20  # runs, each with up to 10,000 events, in one operation on the loop


class Pruner:
    """Deletes what is past its retention, in small batches."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        run_days: float,
        dead_letter_days: float,
        idempotency_hours: float,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._run_ms = int(run_days * DAY)
        self._dead_letter_ms = int(dead_letter_days * DAY)
        self._key_ms = int(idempotency_hours * 3_600_000)

    async def run_once(self) -> int:
        """Delete what is due; return how many runs that were."""
        now = self._clock.now()
        while await self._journal.forget(now - self._key_ms, BATCH) == BATCH:
            pass
        while await self._journal.forget_rates(BATCH) == BATCH:
            pass
        pruned = await self._prune(now - self._run_ms, dead_letters=False)
        return pruned + await self._prune(now - self._dead_letter_ms, dead_letters=True)

    async def _prune(self, before: int, *, dead_letters: bool) -> int:
        pruned = batch = await self._journal.prune(before, BATCH, dead_letters=dead_letters)
        while batch == BATCH:
            await asyncio.sleep(GAP)
            batch = await self._journal.prune(before, BATCH, dead_letters=dead_letters)
            pruned += batch
        return pruned

    async def pause(self) -> None:
        """Wait for the next look."""
        await asyncio.sleep(INTERVAL)
