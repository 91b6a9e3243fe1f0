"""Duty: tell other runs of ended ones, where whoever ended them did not come to it."""

from __future__ import annotations

import asyncio

from minizaps.journal.journal import Journal

INTERVAL = 1.0
BATCH = 100


class FollowUp:
    """Does for other runs what the end of a run asks."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def run_once(self) -> int:
        """Follow up every ended run that is left; return how many that were."""
        done = 0
        while ids := await self._journal.to_follow_up(BATCH):
            await asyncio.gather(*(self._journal.follow_up(run_id) for run_id in ids))
            done += len(ids)
        return done

    async def pause(self) -> None:
        """Wait for the next look."""
        await asyncio.sleep(INTERVAL)
