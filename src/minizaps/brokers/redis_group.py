"""The group of all consumers of the stream of ready runs, as one of them sees it."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from redis.asyncio import Redis as Client
from redis.exceptions import ResponseError

from minizaps.brokers.broker import PATIENCE, PREFETCH

STREAM, GROUP, FIELD = "minizaps:runs", "workers", b"message"
BLOCK = 2.0  # seconds that a read waits for entries
CLAIMED = 100  # entries at a time that are taken over from dead consumers
FORGOTTEN = 10  # times `idle` until a consumer is removed

_GONE = ("NOGROUP", "UNBLOCKED", "no such key")


class Entry(NamedTuple):
    """One entry of the stream; no body if it was trimmed before it was acknowledged."""

    id: bytes
    body: bytes | None


class Group:
    """The group on one connection.

    Args:
        consumer: the name of this consumer.
        idle: milliseconds after which an unacknowledged entry is somebody else's.
    """

    def __init__(self, client: Client, consumer: str, idle: int) -> None:
        self._client = client
        self._consumer = consumer
        self._idle = idle

    async def create(self) -> None:
        """Create stream and group if there are none; entries there already are delivered."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def read(self, *, again: bool) -> list[Entry]:
        """The next entries.

        Args:
            again: those that this consumer was given and has not acknowledged.
        """
        try:
            async with asyncio.timeout(BLOCK + PATIENCE):
                streams: Any = await self._client.xreadgroup(
                    GROUP,
                    self._consumer,
                    {STREAM: "0" if again else ">"},
                    count=PREFETCH,
                    block=None if again else int(BLOCK * 1000),
                )
        except ResponseError as error:
            if not str(error).startswith(_GONE):
                raise
            await self.create()  # all was lost; what comes from now on counts
            return []
        return [
            Entry(entry, fields.get(FIELD, b"") if fields else None)
            for _, entries in streams
            for entry, fields in entries
        ]

    async def acknowledge(self, entries: list[Entry]) -> None:
        """Remove entries."""
        ids = [entry.id for entry in entries]
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xack(STREAM, GROUP, *ids)
        pipeline.xdel(STREAM, *ids)
        async with asyncio.timeout(PATIENCE):
            await pipeline.execute()

    async def tidy(self) -> bool:
        """Take over what dead consumers left, and remove them; return whether there was any."""
        try:
            async with asyncio.timeout(PATIENCE):
                claimed: Any = await self._client.xautoclaim(
                    STREAM, GROUP, self._consumer, self._idle, count=CLAIMED, justid=True
                )
                await self._forget_dead()
        except ResponseError as error:
            if str(error).startswith(_GONE):
                return False
            raise
        return bool(claimed)

    async def _forget_dead(self) -> None:
        consumers: Any = await self._client.xinfo_consumers(STREAM, GROUP)
        for consumer in consumers:
            # A living one that is removed is made again by its next read.
            if not consumer["pending"] and consumer["idle"] > FORGOTTEN * self._idle:
                await self._client.xgroup_delconsumer(STREAM, GROUP, consumer["name"])
