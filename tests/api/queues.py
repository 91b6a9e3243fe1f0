"""A queue that tests fill, on either kind of server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from aio_pika import Message
from aio_pika import connect as connect_rabbitmq
from redis.asyncio import Redis

from minizaps.ids import uuid7
from tests.api.support import API, PATIENCE, Server, definition, set_step
from tests.servers.daemon import Daemon

NUMBER = set_step("first", n="{{ trigger.body.n }}")


@dataclass
class Queue:
    """A queue of RabbitMQ with another one for its dead letters, or a stream of Redis."""

    server: Daemon
    kind: str
    name: str = field(default_factory=lambda: f"q-{uuid7()}")

    @property
    def source(self) -> dict[str, Any]:
        """Where it is, as a trigger's config says it."""
        credential = {"credential": self.kind}
        if self.kind == "redis":
            return {**credential, "stream": self.name, "group": "flow"}
        return {**credential, "queue": self.name}

    async def create(self) -> None:
        if self.kind == "amqp":
            dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{self.name}-dead"}
            async with await connect_rabbitmq(self.server.url) as client, client.channel() as c:
                await c.declare_queue(self.name, durable=True, arguments=cast(Any, dead))
                await c.declare_queue(f"{self.name}-dead", durable=True)

    async def put(self, *messages: tuple[str | None, bytes], content_type: str = "") -> None:
        """Send messages: their ids and bodies."""
        if self.kind == "amqp":
            async with await connect_rabbitmq(self.server.url) as client, client.channel() as c:
                for message_id, body in messages:
                    message = Message(
                        body, message_id=message_id, content_type=content_type or None,
                        delivery_mode=2, headers={"x-shop": "north"},
                    )  # fmt: skip
                    await c.default_exchange.publish(message, self.name)
            return
        async with Redis.from_url(self.server.url) as client:
            for message_id, body in messages:
                fields: dict[Any, Any] = {"body": body, "x-shop": "north"}
                fields |= {"message_id": message_id} if message_id else {}
                fields |= {"content_type": content_type} if content_type else {}
                await client.xadd(self.name, fields)

    async def numbers(self, *numbers: int) -> None:
        await self.put(*((f"m{n}", b'{"n": %d}' % n) for n in numbers))

    async def left(self, suffix: str = "") -> int:
        """How many messages nobody has settled."""
        if self.kind == "amqp":
            async with await connect_rabbitmq(self.server.url) as client, client.channel() as c:
                queue = await c.declare_queue(self.name + suffix, passive=True)
                return queue.declaration_result.message_count or 0
        async with Redis.from_url(self.server.url) as client:
            (group,) = cast(Any, await client.xinfo_groups(self.name))
            return int(group["pending"]) + int(group["lag"] or 0)


def listening(queue: Queue, **keys: Any) -> dict[str, Any]:
    """A definition that listens to a queue."""
    config = {**queue.source, **keys.pop("config", {})}
    trigger = {"id": "orders", "type": "queue", "config": config}
    return definition(NUMBER, triggers=[trigger], **keys)


async def add_credential(server: Server, kind: str, **data: Any) -> None:
    new = {"name": kind, "type": kind, "data": data}
    answer = await server.admin.post(f"{API}/credentials", json=new)
    assert answer.status_code == 201, answer.text


async def inputs(server: Server) -> list[dict[str, Any]]:
    """The runs that there are, oldest first, as the API shows them."""
    listed = (await server.admin.get(f"{API}/runs", params={"limit": 200})).json()["items"]
    return [await server.look(run["id"]) for run in reversed(listed)]


async def numbers(server: Server, count: int) -> list[int]:
    """Wait for so many runs; return their numbers, sorted."""
    async with asyncio.timeout(PATIENCE):
        while len(await inputs(server)) < count:
            await asyncio.sleep(0.02)
    return sorted(run["input"]["n"] for run in await inputs(server))


async def shown(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = (await server.admin.get(f"{API}/workflows/flow")).json()["triggers"][0]
    return found


async def error_of(server: Server, word: str) -> dict[str, Any]:
    """Wait until the trigger tells of an error with this word in it."""
    async with asyncio.timeout(PATIENCE):
        while word not in ((found := await shown(server))["error"] or {}).get("detail", ""):
            await asyncio.sleep(0.02)
    return found


async def emptied(queue: Queue) -> None:
    """Wait until all messages are settled."""
    async with asyncio.timeout(PATIENCE):
        while await queue.left():
            await asyncio.sleep(0.02)
