"""What the tests of the brokers share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from minizaps.brokers.broker import Broker
from minizaps.errors import BrokerUnavailable
from minizaps.ids import uuid7

PATIENCE = 20.0


def some_ids(count: int) -> list[str]:
    """Ids of runs."""
    return [uuid7() for _ in range(count)]


async def insist(broker: Broker, run_ids: list[str]) -> None:
    """Publish until it is confirmed."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await broker.publish(run_ids)
            except BrokerUnavailable:
                await asyncio.sleep(0.05)


class Taker:
    """Takes deliveries, and remembers the ids.

    Args:
        beside: another, whose deliveries also end waits here.

    Attributes:
        taken: how often each id came.
        refused: what came while it failed.
        fails: how many of the next deliveries are refused.
        offered: how many ids have come, taken or not.
        open: cleared while there is no room.
    """

    def __init__(self, beside: Taker | None = None) -> None:
        self.taken: Counter[str] = Counter()
        self.refused: list[list[str]] = []
        self.fails = 0
        self.offered = 0
        self.open = asyncio.Event()
        self.open.set()
        self._changed = beside._changed if beside else asyncio.Condition()

    async def take(self, run_ids: list[str]) -> None:
        async with self._changed:
            self.offered += len(run_ids)
            self._changed.notify_all()
        await self.open.wait()
        async with self._changed:
            self._changed.notify_all()
            if self.fails:
                self.fails -= 1
                self.refused.append(run_ids)
                raise RuntimeError("no")
            self.taken.update(run_ids)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until this is so; deliveries can change it."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(reached)

    async def has(self, run_ids: list[str]) -> None:
        """Wait until all of these have come."""
        await self.until(lambda: self.taken.keys() >= set(run_ids))


@asynccontextmanager
async def consuming(broker: Broker, taker: Taker) -> AsyncIterator[None]:
    """A consumer, which runs until the end of the block."""
    task = asyncio.create_task(broker.consume(taker.take))
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
