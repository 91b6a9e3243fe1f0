"""Duty: delete ended runs and idempotency keys when their time is over."""

from __future__ import annotations

import asyncio

from minizaps.clock import Clock
from minizaps.journal.journal import Journal

INTERVAL = 60.0
BATCH = 20  # runs, each with up to 10,000 events, in one operation on the loop


class Pruner:
    """Deletes what is past its retention, in small batches."""

    def __init__(
        self, journal: Journal, clock: Clock, *, run_days: float, idempotency_hours: float
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._run_ms = int(run_days * 86_400_000)
        self._key_ms = int(idempotency_hours * 3_600_000)

    async def run_once(self) -> int:
        """Delete what is due; return how many runs that were."""
        now = self._clock.now()
        while await self._journal.forget(now - self._key_ms, BATCH) == BATCH:
            pass
        pruned = batch = await self._journal.prune(now - self._run_ms, BATCH)
        while batch == BATCH:
            batch = await self._journal.prune(now - self._run_ms, BATCH)
            pruned += batch
        return pruned

    async def pause(self) -> None:
        """Wait for the next look."""
        await asyncio.sleep(INTERVAL)
