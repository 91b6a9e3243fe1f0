"""The load client: raw keep-alive HTTP connections, as cheap as Python allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import orjson

CONNECTIONS = 64
FIRST_NUMBER = 10_000_000  # all numbers are equally long, so that one head fits all bodies


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the server closed the connection: {exc}"))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) >= int(length or 0) and self._answer is not None:
            self._buffer = b""
            self._answer.set_result((int(head[9:12]), body))

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; the future's result is the status and the body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


@dataclass(slots=True)
class Load:
    """What was sent: how many were accepted and refused, and when it began (monotonic)."""

    began: float
    accepted: int = 0
    refused: int = 0


async def connect(port: int) -> Connection:
    """A new connection to a local port."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
    return connection


def head(method: str, path: str, length: int, key: str | None = None) -> bytes:
    """A request's first lines."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}"]
    if length:
        lines.append("Content-Type: application/json")
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode()


def orders(path: str) -> Callable[[int], bytes]:
    """What makes the request with the nth order, the same size for each n."""

    def body(number: int) -> bytes:
        return (
            b'{"number":%d,"customer":{"name":"Ada Lovelace","email":"ada@acme.test"},'
            b'"total":129.5,"items":[{"sku":"A-1","count":2},{"sku":"B-7","count":1}]}'
        ) % (FIRST_NUMBER + number)

    first = head("POST", path, len(body(0)))
    return lambda number: first + body(number)


async def call(
    port: int, method: str, path: str, data: Any = None, key: str | None = None
) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    body = b"" if data is None else orjson.dumps(data)
    connection = await connect(port)
    try:
        return await connection.send(head(method, path, len(body), key) + body)
    finally:
        connection.close()


async def closed_loop(
    port: int,
    request: Callable[[int], bytes],
    *,
    seconds: float = float("inf"),
    number: int = 2**62,
    connections: int = CONNECTIONS,
) -> Load:
    """Send one request after the other on each connection, for a time or up to a number."""
    numbers = count()
    pool = [await connect(port) for _ in range(connections)]
    load = Load(time.monotonic())

    async def sender(connection: Connection) -> None:
        end = load.began + seconds
        while time.monotonic() < end and (n := next(numbers)) < number:
            status, _ = await connection.send(request(n))
            if status == 202:
                load.accepted += 1
            else:
                load.refused += 1

    await asyncio.gather(*map(sender, pool))
    for connection in pool:
        connection.close()
    return load


async def open_loop(
    port: int,
    request: Callable[[int], bytes],
    *,
    rate: float,
    seconds: float,
    answered: Callable[[int, float, bytes], Awaitable[None]],
) -> None:
    """Send at a fixed rate, whatever becomes of the earlier requests.

    Args:
        answered: called with the request's number, the time (monotonic) at which it was sent, and
            the answer's body.
    """
    idle: list[Connection] = [await connect(port) for _ in range(4)]
    began = time.monotonic()

    async def one(n: int) -> None:
        connection = idle.pop() if idle else await connect(port)
        sent = time.monotonic()
        _, body = await connection.send(request(n))
        idle.append(connection)
        await answered(n, sent, body)

    async with asyncio.TaskGroup() as group:
        for n in range(int(rate * seconds)):
            await asyncio.sleep(began + n / rate - time.monotonic())
            group.create_task(one(n))
    for connection in idle:
        connection.close()
