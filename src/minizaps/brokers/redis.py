"""Redis: one stream, with one consumer group for all workers.

They belong to the database of the URL; installations that share a Redis take one each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from minizaps.brokers.address import Address
from minizaps.brokers.broker import PATIENCE, Take
from minizaps.brokers.delivery import hand_over
from minizaps.brokers.message import pack
from minizaps.brokers.outage import Outage, outlast
from minizaps.brokers.redis_group import FIELD, STREAM, Group
from minizaps.ids import uuid7

MOST_ENTRIES = 10_000  # about 20 MB; what is trimmed, the sweep has found long ago


class Redis:
    """A broker on Redis 6.2 or newer: one server, not a cluster.

    Args:
        idle: seconds after which an unacknowledged delivery goes to another consumer. That its
            own may live and only have no room does no harm: a run is claimed once.
    """

    def __init__(self, address: Address, *, idle: float = 30) -> None:
        self.name = address.name
        self._address = address
        self._idle = idle
        self._consumer = uuid7()
        self._publishing: Client | None = None

    async def publish(self, run_ids: Sequence[str]) -> None:
        """As `Broker.publish`: confirmed as safely as the server's `appendfsync` says."""
        with self._address.errors():
            client = self._publishing = self._publishing or self._client()
            try:
                async with asyncio.timeout(PATIENCE):
                    await client.xadd(STREAM, {FIELD: pack(run_ids)}, maxlen=MOST_ENTRIES)
            except BaseException:
                if client is self._publishing:
                    await self.close()
                raise

    async def consume(self, take: Take) -> None:
        """As `Broker.consume`."""
        outage = Outage("deliveries")
        await outlast(outage, lambda: self._session(take, outage))

    async def close(self) -> None:
        """As `Broker.close`."""
        client, self._publishing = self._publishing, None
        if client is not None:
            await client.aclose()

    async def _session(self, take: Take, outage: Outage) -> None:
        """Take deliveries until the connection is lost."""
        client = self._client()
        group = Group(client, self._consumer, int(self._idle * 1000))
        try:
            with self._address.errors():
                await group.create()
                outage.ends()
                # What this consumer was given before comes first: an answer may have been lost.
                again, tidied = True, time.monotonic()
                while True:
                    if time.monotonic() > tidied + self._idle / 3:
                        again, tidied = await group.tidy() or again, time.monotonic()
                    entries = await group.read(again=again)
                    bodies = [entry.body for entry in entries if entry.body is not None]
                    taken = await hand_over(bodies, take)
                    if taken and entries:
                        await group.acknowledge(entries)
                    again = not taken or (again and bool(entries))
        finally:
            await client.aclose()

    def _client(self) -> Client:
        # Timeouts are ours: with one of its own, the library loses cancellations (Python 3.11).
        return Client.from_url(
            self._address.url,
            single_connection_client=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=PATIENCE,
        )
