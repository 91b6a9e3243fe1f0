"""The database's clock: one time for all processes, whatever their machines' clocks say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from minizaps.errors import JournalUnavailable

INTERVAL = 10.0
QUICK = 0.05  # seconds of a round trip, within which an answer is exact enough


class DatabaseClock:
    """The machine's steady clock, set by the database's from time to time."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        """
        Args:
            ask: gives the database's time in milliseconds.
        """
        self._ask = ask
        self._offset: float | None = None

    def now(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return int(time.monotonic() * 1000 + (self._offset or 0))

    async def adjust(self) -> None:
        """Set the clock; a slow answer only if there has been none yet."""
        before = time.monotonic()
        asked = await self._ask()
        after = time.monotonic()
        if self._offset is None or after - before < QUICK:
            self._offset = asked - (before + after) * 500

    async def keep(self) -> None:
        """Adjust for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.adjust()
            except JournalUnavailable:
                continue
