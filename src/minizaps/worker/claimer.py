"""Duty: claim queued runs as places become free."""

from __future__ import annotations

import asyncio
import time

from minizaps.journal.journal import Journal
from minizaps.worker.duties import wait_for
from minizaps.worker.worker import Worker

OVERLOOKED = 1_000  # milliseconds
SWEEP = 0.5  # seconds
POLL = 1.0  # seconds after which runs are found that nobody was told of
GAP = 0.01  # seconds between claims, in which places become free for a batch


class Claimer:
    """Claims runs for the worker: those that the journal's processes tell of."""

    def __init__(self, journal: Journal, worker: Worker) -> None:
        self._journal = journal
        self._worker = worker
        self._claimed_at = 0.0

    async def run_once(self) -> int:
        """Claim what there is room for; return how many runs that were."""
        self._claimed_at = time.monotonic()
        return await self._worker.run_once()

    async def pause(self) -> None:
        """Wait for something to claim and a place for it."""
        await wait_for(self._journal.ready, POLL)
        await asyncio.sleep(self._claimed_at + GAP - time.monotonic())


class Sweeper:
    """Claims, where a broker tells of runs, those that it has not told of in time."""

    def __init__(self, journal: Journal, worker: Worker) -> None:
        self._journal = journal
        self._worker = worker

    async def run_once(self) -> int:
        """Claim what has been ready for a while; return how many runs that were."""
        claimed = batch = await self._worker.run_once(overlooked_for=OVERLOOKED)
        while batch:
            batch = await self._worker.run_once(overlooked_for=OVERLOOKED)
            claimed += batch
        return claimed

    async def pause(self) -> None:
        """Wait for the next look."""
        await asyncio.sleep(SWEEP)
