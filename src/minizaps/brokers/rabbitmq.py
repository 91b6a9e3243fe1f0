"""RabbitMQ: one durable quorum queue.

The queue belongs to the virtual host of the URL; installations that share a RabbitMQ take one
each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aio_pika import DeliveryMode, Message
from aio_pika.exceptions import PublishError

from minizaps.brokers.address import Address
from minizaps.brokers.broker import PATIENCE, Take
from minizaps.brokers.delivery import hand_over
from minizaps.brokers.message import pack
from minizaps.brokers.outage import Outage, outlast
from minizaps.brokers.rabbitmq_line import QUEUE, Line

# After 60 s the sweep has found the run long ago; this bounds the queue while no worker is there.
# It goes with each message, since the arguments of a queue that exists cannot be changed. The queue
# has no limit of deliveries of its own: what RabbitMQ drops at its default limit, the sweep finds.
EXPIRATION = 60


class RabbitMQ:
    """A broker on RabbitMQ 3.10 or newer.

    It has one line for publishing and one for consuming: RabbitMQ may stop reading from one that
    publishes, and acknowledgements must get through all the same.
    """

    def __init__(self, address: Address) -> None:
        self.name = address.name
        self._address = address
        self._line: Line | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def publish(self, run_ids: Sequence[str]) -> None:
        """As `Broker.publish`: confirmed when a majority of the quorum has it on disk."""
        message = Message(
            pack(run_ids),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            expiration=EXPIRATION,
        )
        line = None
        with self._address.errors():
            try:
                async with asyncio.timeout(PATIENCE):
                    line = await self._publishing()
                    await line.channel.default_exchange.publish(message, QUEUE)
            except PublishError:
                self._drop(line)
                raise self._address.unavailable("its queue was deleted") from None
            except BaseException:
                self._drop(line)
                raise

    async def consume(self, take: Take) -> None:
        """As `Broker.consume`."""
        outage = Outage("deliveries")
        await outlast(outage, lambda: self._session(take, outage))

    async def close(self) -> None:
        """As `Broker.close`."""
        self._drop(self._line)
        await asyncio.gather(*self._closing)

    async def _session(self, take: Take, outage: Outage) -> None:
        """Take deliveries until the connection, the channel or the queue goes away."""
        with self._address.errors():
            line = await Line.open(self._address.url, confirms=False)
            try:
                await line.subscribe()
                outage.ends()
                while messages := await line.deliveries():
                    if await hand_over([message.body for message in messages], take):
                        await messages[-1].ack(multiple=True)
                    else:
                        await messages[-1].nack(multiple=True, requeue=True)
            finally:
                await line.close()
            raise self._address.unavailable("it delivers nothing any more")

    async def _publishing(self) -> Line:
        async with self._opening:
            if self._line is None or self._line.broken:
                self._line = await Line.open(self._address.url, confirms=True)
            return self._line

    def _drop(self, line: Line | None) -> None:
        """Close the line for publishing, without waiting for a broker that may not answer."""
        if line is None or line is not self._line:
            return
        self._line = None
        task = asyncio.create_task(line.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
