"""Duty: claim queued runs as places become free."""

from __future__ import annotations

import asyncio

from minizaps.journal.journal import Journal
from minizaps.worker.duties import wait_for
from minizaps.worker.worker import Worker

POLL = 1.0  # seconds after which runs are found that another process has queued


class Claimer:
    """Claims runs for the worker."""

    def __init__(self, journal: Journal, worker: Worker) -> None:
        self._journal = journal
        self._worker = worker

    async def run_once(self) -> int:
        """Claim what there is room for; return how many runs that were."""
        return await self._worker.run_once()

    async def pause(self) -> None:
        """Wait for something to claim and a place for it."""
        if not self._worker.room.limit:
            self._worker.place_free.clear()
            await wait_for(self._worker.place_free, POLL)
        await wait_for(self._journal.ready, POLL)
        await asyncio.sleep(0)
