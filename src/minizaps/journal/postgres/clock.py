"""The database's clock: one time for all processes, whatever their machines' clocks say."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from minizaps.errors import JournalUnavailable

INTERVAL = 1.0
KEPT = 30  # samples; the quickest of them is the most exact: off by half its round trip at most
FIRST = 30  # samples at the start, at most
PAUSE = 0.01  # seconds between them: a machine on which all start at once gets its breath back
EXACT = 0.002  # seconds of a round trip


class DatabaseClock:
    """The machine's steady clock, set by the database's from time to time."""

    def __init__(self, ask: Callable[[], Awaitable[float]]) -> None:
        """
        Args:
            ask: gives the database's time in milliseconds.
        """
        self._ask = ask
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._offset = 0.0

    def now(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return int(time.monotonic() * 1000 + self._offset)

    async def set(self) -> None:
        """Set the clock for the first time."""
        for _ in range(FIRST):
            await self._sample()
            if min(self._samples)[0] < EXACT:
                return
            await asyncio.sleep(PAUSE)

    async def keep(self) -> None:
        """Keep the clock exact, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self._sample()
            except JournalUnavailable:
                continue

    async def _sample(self) -> None:
        before = time.monotonic()
        asked = await self._ask()
        after = time.monotonic()
        self._samples.append((after - before, asked - (before + after) * 500))
        _, self._offset = min(self._samples)
