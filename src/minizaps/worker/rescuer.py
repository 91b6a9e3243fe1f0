"""Duty: find runs that nobody drives, and drop those that are no longer ours."""

from __future__ import annotations

import asyncio
import time

from minizaps.failpoints import failpoint
from minizaps.journal.journal import Journal
from minizaps.journal.membership import Membership
from minizaps.worker.worker import Worker

INTERVAL = 0.5
BATCH = 250
ORPHANED = 3.0  # seconds


class Rescuer:
    """Compares what the journal says with what the workers drive."""

    def __init__(self, journal: Journal, membership: Membership, worker: Worker) -> None:
        self._journal = journal
        self._membership = membership
        self._worker = worker
        self._lost: set[tuple[str, int]] = set()
        self._unknown: dict[tuple[str, int], float] = {}

    async def run_once(self) -> int:
        """Make ready what nobody drives; return how many runs that were."""
        return await self.recover() + await self.compare()

    async def recover(self) -> int:
        """Take over what dead workers have left behind."""
        await self._membership.bury()
        rescued = batch = await self._journal.rescue(self._worker.name, BATCH)
        failpoint("recovery")
        while batch == BATCH:
            batch = await self._journal.rescue(self._worker.name, BATCH)
            rescued += batch
        return rescued

    async def compare(self) -> int:
        """Drop what is driven but no longer ours; rescue what is ours but not driven.

        Between a write and the moment its run is taken or put down the two differ, so that a lease
        has to be found driven for nothing at two looks in a row, and held by nobody for seconds:
        the answer to a claim may be late.
        """
        held = set((await self._journal.held(self._worker.name)).items())
        driven = set(self._worker.leases.items())
        lost, now = driven - held, time.monotonic()
        for run_id, epoch in lost & self._lost:
            self._worker.drop(run_id, epoch)
        self._lost = lost
        self._unknown = {lease: self._unknown.get(lease, now) for lease in held - driven}
        orphans = [lease for lease, since in self._unknown.items() if now - since > ORPHANED]
        return await self._journal.adopt(orphans)

    async def pause(self) -> None:
        """Wait for the next look."""
        await asyncio.sleep(INTERVAL)
