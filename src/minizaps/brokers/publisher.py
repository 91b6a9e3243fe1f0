"""The publisher: hands the ids of runs that are ready to the broker, behind the back of intake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from minizaps.brokers.broker import BATCH, Broker
from minizaps.brokers.outage import Outage
from minizaps.errors import BrokerUnavailable
from minizaps.metrics import BROKER_PUBLISHED, labelled

MOST_WAITING = 10_000  # ids; more than a broker takes until the sweep has found them
IN_FLIGHT = 8  # messages that wait for their confirmation at a time
GAP = 0.005  # seconds between publications, in which ids gather for a message


class Publisher:
    """Publishes what was queued, in batches. What the broker does not take, the sweep finds.

    It is a duty like those of the worker: `repeat(publisher.run_once, publisher.pause)`.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: list[str] = []
        self._queued = asyncio.Event()
        self._outage = Outage("publications")
        self._try_at = 0.0
        self._published_at = 0.0

    def queued(self, run_ids: Sequence[str]) -> None:
        """Runs are ready, and committed. Never blocks nor raises."""
        room = MOST_WAITING - len(self._waiting)
        if time.monotonic() < self._try_at:
            room = 0
        self._waiting += run_ids[:room]
        if len(run_ids) > room:
            labelled(BROKER_PUBLISHED, "dropped").inc(len(run_ids) - room)
        if self._waiting:
            self._queued.set()

    async def run_once(self) -> int:
        """Publish what waits; return how many ids the broker has confirmed."""
        self._published_at = time.monotonic()
        some = self._waiting[: BATCH * IN_FLIGHT]
        del self._waiting[: len(some)]
        if not self._waiting:
            self._queued.clear()
        if not some:
            return 0
        batches = [some[start : start + BATCH] for start in range(0, len(some), BATCH)]
        results = await asyncio.gather(*map(self._publish, batches))
        errors = [result for result in results if isinstance(result, BrokerUnavailable)]
        if errors:
            self._give_up(errors[0])
        else:
            self._outage.ends()
        return sum(result for result in results if isinstance(result, int))

    async def pause(self) -> None:
        """Wait for something to publish."""
        await self._queued.wait()
        await asyncio.sleep(self._published_at + GAP - time.monotonic())

    async def close(self) -> None:
        """Publish what is left. Cancel the duty before."""
        while self._waiting:
            await self.run_once()

    async def _publish(self, run_ids: Sequence[str]) -> int | BrokerUnavailable:
        try:
            await self._broker.publish(run_ids)
        except BrokerUnavailable as error:
            labelled(BROKER_PUBLISHED, "failed").inc(len(run_ids))
            return error
        labelled(BROKER_PUBLISHED, "confirmed").inc(len(run_ids))
        return len(run_ids)

    def _give_up(self, error: BrokerUnavailable) -> None:
        """Leave what waits to the sweep, and what comes until the broker is tried again."""
        self._try_at = time.monotonic() + self._outage.goes_on(error)
        labelled(BROKER_PUBLISHED, "dropped").inc(len(self._waiting))
        self._waiting.clear()
