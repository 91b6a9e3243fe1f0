"""Entries of a stream of Redis, for one consumer of a group, pending until they are settled."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from minizaps.connectors.delivery import Delivery, plain
from minizaps.connectors.dial import Dialler
from minizaps.connectors.redis_client import Server
from minizaps.definition.queue_trigger import QueueTriggerConfig
from minizaps.errors import ConnectorError

BLOCK = 2_000  # milliseconds that a read waits for entries
DEAD = 60_000  # milliseconds after which an entry that is pending is taken from its consumer
FORGOTTEN = 3_600_000  # milliseconds after which a consumer that has gone is removed
PREFIX = "minizaps-"  # of the consumers that are ours to remove


@asynccontextmanager
async def open_line(
    url: str, dial: Dialler, config: QueueTriggerConfig, consumer: str
) -> AsyncIterator[StreamLine]:
    """Have the entries of a stream come; stream and group are made if they are not there.

    Args:
        consumer: the consumer's name, behind a prefix; its own pending entries come first.

    Raises:
        ConnectorError: the server or the stream cannot be used.
    """
    server = Server(url, dial)
    try:
        line = StreamLine(server, config, f"{PREFIX}{consumer}")
        await line.create("$" if config.start == "new" else "0")
        yield line
    finally:
        await server.aclose()


class StreamLine:
    """A consumer of a group."""

    def __init__(self, server: Server, config: QueueTriggerConfig, consumer: str) -> None:
        self._server = server
        self._stream, self._group = str(config.stream), str(config.group)
        self._count = config.prefetch
        self._consumer = consumer
        self._again = True  # whether some of its own may be pending
        self._tidied = 0.0

    async def create(self, start: str) -> None:
        """Make the group, if there is none."""
        try:
            await self._call("XGROUP CREATE", self._stream, self._group, start, "MKSTREAM")
        except ConnectorError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def receive(self) -> list[Delivery]:
        """As `Line.receive`."""
        if time.monotonic() >= self._tidied + DEAD / 3000:
            self._again = await self._tidy() or self._again
            self._tidied = time.monotonic()
        wait = () if self._again else ("BLOCK", BLOCK)
        group = ("GROUP", self._group, self._consumer, "COUNT", self._count)
        place = "0" if self._again else ">"
        try:
            read = await self._call("XREADGROUP", *group, *wait, "STREAMS", self._stream, place)
        except ConnectorError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await self.create("0")  # all was lost; what has come since counts
            return []
        entries = [entry for _, found in read for entry in found]
        self._again = self._again and bool(entries)
        return [self._delivery(*entry) for entry in entries]

    async def settle(self, delivery: Delivery, *, taken: bool) -> None:
        """As `Line.settle`; the entry stays in the stream, whether it was taken or not."""
        await self._call("XACK", self._stream, self._group, delivery.handle)

    async def _tidy(self) -> bool:
        """Take over what dead consumers left, and remove them; return whether there was any."""
        key = (self._stream, self._group)
        ours = (self._consumer, DEAD, "0-0", "COUNT", self._count)
        try:
            claimed = await self._call("XAUTOCLAIM", *key, *ours)
            for consumer in await self._call("XINFO CONSUMERS", *key):
                name = consumer["name"].decode()
                gone = not consumer["pending"] and consumer["idle"] > FORGOTTEN
                if gone and name.startswith(PREFIX) and name != self._consumer:
                    await self._call("XGROUP DELCONSUMER", *key, name)
        except ConnectorError as error:
            if "no such key" not in str(error) and not str(error).startswith("NOGROUP"):
                raise
            return False
        return bool(claimed[1])

    async def _call(self, command: str, *arguments: Any) -> Any:
        return await self._server.call(command, arguments, repeatable=True)

    def _delivery(self, entry: bytes, fields: dict[bytes, bytes] | None) -> Delivery:
        entry_id = entry.decode()
        facts = {"stream": self._stream, "entry_id": entry_id, "redelivered": self._again}
        if not fields:
            return Delivery(None, None, entry_id, {}, facts, entry)
        if b"body" not in fields:
            return Delivery(plain(fields), None, f"{self._stream} {entry_id}", {}, facts, entry)
        rest = {name: value for name, value in plain(fields).items() if name != "body"}
        message_id, content_type = rest.pop("message_id", None), rest.pop("content_type", None)
        if message_id is not None:
            facts["id"] = message_id
        own = f"{self._stream} {entry_id}" if message_id is None else str(message_id)
        return Delivery(fields[b"body"], content_type, own, rest, facts, entry)
