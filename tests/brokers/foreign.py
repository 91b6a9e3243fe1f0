"""Another program that writes where the runs are."""

from __future__ import annotations

from typing import Any

from aio_pika import Message
from aio_pika import connect as connect_rabbitmq
from redis.asyncio import Redis


async def write(url: str, body: bytes) -> None:
    """Put a message there."""
    if url.startswith("amqp"):
        async with await connect_rabbitmq(url) as connection, connection.channel() as channel:
            await channel.default_exchange.publish(Message(body), "minizaps.runs")
    else:
        async with Redis.from_url(url) as client:
            await client.xadd("minizaps:runs", {"message": body})
            await client.xadd("minizaps:runs", {"something": body})


async def left(url: str) -> int:
    """How many messages are there, delivered or not."""
    if url.startswith("amqp"):
        async with await connect_rabbitmq(url) as connection, connection.channel() as channel:
            queue = await channel.declare_queue("minizaps.runs", passive=True)
            return queue.declaration_result.message_count or 0
    async with Redis.from_url(url) as client:
        length: Any = await client.xlen("minizaps:runs")
        return int(length)
