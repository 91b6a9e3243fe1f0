"""A line to RabbitMQ: one connection with one channel on the queue of ready runs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from aio_pika import connect
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractIncomingMessage,
    AbstractQueue,
)
from yarl import URL

from minizaps.brokers.broker import PATIENCE, PREFETCH

QUEUE = "minizaps.runs"
HEARTBEAT = 10  # seconds; a peer that is silent for three of them is gone

# The library logs every failed attempt to connect; an outage is logged once, by us.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


class Line:
    """An open line.

    It does not mend itself: when it breaks, whoever uses it opens another.
    """

    def __init__(
        self, connection: AbstractConnection, channel: AbstractChannel, queue: AbstractQueue
    ) -> None:
        self._connection = connection
        self._channel = channel
        self._queue = queue
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    @classmethod
    async def open(cls, url: str, *, confirms: bool) -> Line:
        """Connect, and declare the queue.

        Args:
            confirms: whether messages are published; confirmed means that the queue has it.
        """
        target = URL(url)
        if "heartbeat" not in target.query:
            target %= {"heartbeat": HEARTBEAT}
        async with asyncio.timeout(PATIENCE):
            connection = await connect(target)
        try:
            async with asyncio.timeout(PATIENCE):
                channel = await connection.channel(
                    publisher_confirms=confirms, on_return_raises=confirms
                )
                queue = await channel.declare_queue(
                    QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
                )
        except BaseException:
            await _close(connection)
            raise
        return cls(connection, channel, queue)

    @property
    def broken(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._channel.is_closed

    @property
    def channel(self) -> AbstractChannel:
        """The channel, to publish on."""
        return self._channel

    async def subscribe(self) -> None:
        """Have deliveries come."""
        self._channel.close_callbacks.add(self._end)
        channel = await self._channel.get_underlay_channel()
        channel.on_consumer_cancel_callbacks.add(self._end)  # the queue was deleted
        async with asyncio.timeout(PATIENCE):
            await self._channel.set_qos(prefetch_count=PREFETCH)
            await self._queue.consume(self._arrived.put)

    async def deliveries(self) -> list[AbstractIncomingMessage]:
        """Wait for deliveries; return all that are here, none if no more will come."""
        arrived = [await self._arrived.get()]
        while not self._arrived.empty():
            arrived.append(self._arrived.get_nowait())
        messages = [message for message in arrived if message is not None]
        return messages if len(messages) == len(arrived) else []

    async def close(self) -> None:
        """Close the connection."""
        await _close(self._connection)

    def _end(self, *_: object) -> None:
        self._arrived.put_nowait(None)


async def _close(connection: AbstractConnection) -> None:
    """Close a connection, but do not wait for ever for a broker that does not answer."""
    with suppress(Exception):
        async with asyncio.timeout(2 * PATIENCE):
            await connection.close()
