"""Messages from a queue of RabbitMQ (AMQP 0-9-1), which stay its own until they are settled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq import exceptions

from minizaps.connectors.amqp_client import FAREWELL, PATIENCE, Server
from minizaps.connectors.delivery import Delivery, plain
from minizaps.connectors.dial import Dialler, network_failed
from minizaps.definition.queue_trigger import QueueTriggerConfig
from minizaps.errors import ConnectorError


@asynccontextmanager
async def open_line(
    url: str, dial: Dialler, config: QueueTriggerConfig, consumer: str
) -> AsyncIterator[QueueLine]:
    """Have the messages of a queue come, which has to be there.

    What is not settled at the end goes back to the queue. The connection is not one of those that
    publish: RabbitMQ may stop reading from these, and acknowledgements must get through.

    Args:
        consumer: shown by RabbitMQ, before a number.

    Raises:
        ConnectorError: the server or the queue (type `queue`) cannot be used.
    """
    async with (
        dial.kept.use((__name__, url), lambda: Server(url, dial)) as server,
        server.errors(),
    ):
        async with asyncio.timeout(PATIENCE):
            connection = await server.connection()
            channel = await connection.channel(publisher_confirms=False)
        line = QueueLine(channel, server.where)
        try:
            await line.subscribe(config, consumer)
            yield line
        finally:
            with suppress(Exception):
                async with asyncio.timeout(FAREWELL):
                    await channel.close()


class QueueLine:
    """A channel on which the messages of a queue come."""

    def __init__(self, channel: AbstractChannel, where: str) -> None:
        self._channel = channel
        self._where = where
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._reason: BaseException = ConnectionError("the queue was deleted")

    async def subscribe(self, config: QueueTriggerConfig, consumer: str) -> None:
        """Have messages come."""
        self._channel.close_callbacks.add(self._end)
        underlay = await self._channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self._end)  # the queue was deleted
        try:
            async with asyncio.timeout(PATIENCE):
                await self._channel.set_qos(prefetch_count=config.prefetch)
                queue = await self._channel.get_queue(str(config.queue), ensure=False)
                tag = f"{consumer}.{underlay.number}"
                await queue.consume(self._arrived.put, consumer_tag=tag)
        except exceptions.ChannelAccessRefused:
            raise
        except exceptions.ChannelClosed as error:
            message = f"{self._where}: {error}"
            raise ConnectorError(message, type="queue", retryable=True) from error

    async def receive(self) -> list[Delivery]:
        """As `Line.receive`."""
        messages = [await self._arrived.get()]
        while not self._arrived.empty():
            messages.append(self._arrived.get_nowait())
        if None in messages:
            raise network_failed(self._where, self._reason)
        return [_delivery(message) for message in messages if message is not None]

    async def settle(self, delivery: Delivery, *, taken: bool) -> None:
        """As `Line.settle`; what nobody can take goes to the queue's dead-letter exchange."""
        message: AbstractIncomingMessage = delivery.handle
        if taken:
            await message.ack()
        else:
            await message.reject(requeue=False)

    def _end(self, *said: object) -> None:
        self._reason = next((s for s in said if isinstance(s, Exception)), self._reason)
        self._arrived.put_nowait(None)


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    facts = {
        "id": message.message_id,
        "content_type": message.content_type,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "redelivered": bool(message.redelivered),
        "correlation_id": message.correlation_id,
        "reply_to": message.reply_to,
        "type": message.type,
        "sent_at": None if message.timestamp is None else message.timestamp.isoformat(),
    }
    facts = {name: plain(value) for name, value in facts.items() if value is not None}
    headers = {str(name): plain(value) for name, value in message.headers.items()}
    return Delivery(message.body, message.content_type, message.message_id, headers, facts, message)
