"""Duty: say that the worker is alive, and stop it before its leases can be another's."""

from __future__ import annotations

import asyncio
import logging
import time

from minizaps.errors import JournalUnavailable
from minizaps.ids import uuid7
from minizaps.journal.membership import Membership
from minizaps.worker.worker import Worker

logger = logging.getLogger("minizaps.worker")

INTERVAL = 0.5


class Heartbeat:
    """Keeps the worker's place among the others."""

    def __init__(self, membership: Membership, worker: Worker) -> None:
        self._membership = membership
        self._worker = worker
        self._seen = time.monotonic()

    async def run_once(self) -> bool:
        """Say that the worker is alive; return whether it was still taken for that.

        A worker that was found dead drops its runs, which are others' by now, and goes on under
        a new name. One that could tell nobody for too long drops them too.
        """
        sent = time.monotonic()
        try:
            alive = await self._membership.beat()
        except JournalUnavailable:
            if time.monotonic() - self._seen > self._membership.patience:
                self._worker.fence("the database was out of reach for too long")
            raise
        if not alive:
            self._worker.fence("it was taken for dead, and its runs are others'")
            self._worker.name = uuid7()
            await self._membership.join(self._worker.name)
            logger.warning("it was taken for dead: it goes on as worker %s", self._worker.name)
        self._seen = sent
        return alive

    async def pause(self) -> None:
        """Wait for the next beat."""
        await asyncio.sleep(INTERVAL if self._membership.patience > 5 else 0.2)
