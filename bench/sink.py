"""The service that the workflows call: it counts the calls, and answers small JSON at once.

`python -m bench.sink PORT`. POST /first echoes its order; POST /second ends a run of W1. GET /ended
tells how many have ended, GET /times when (monotonic) each order number's did, GET /begun when each
one's first call came; POST /reset forgets.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, cast

import orjson
import uvloop

from bench.client import FIRST_NUMBER


class Sink(asyncio.Protocol):
    """One keep-alive connection."""

    begun: list[tuple[float, bytes]]
    ended: list[tuple[float, bytes]]

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        self._buffer = b""
        answer = self._answer(head.split(b" ", 2)[1], body)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(answer), answer)
        )

    def _answer(self, path: bytes, body: bytes) -> bytes:
        match path:
            case b"/first":
                Sink.begun.append((time.monotonic(), body))
                return b'{"accepted":true,"order":%b}' % body
            case b"/second":
                Sink.ended.append((time.monotonic(), body))
                return b'{"accepted":true}'
            case b"/ended":
                return b"%d" % len(Sink.ended)
            case b"/times":
                return orjson.dumps([[_number(body), at] for at, body in Sink.ended])
            case b"/begun":
                return orjson.dumps([[_number(body), at] for at, body in Sink.begun])
            case b"/reset":
                Sink.begun, Sink.ended = [], []
        return b"{}"


def _number(body: bytes) -> int:
    """The number of the order that a call to /first is, or that one to /second holds."""
    data: dict[str, Any] = orjson.loads(body)
    number: int = data.get("order", data)["number"]
    return number - FIRST_NUMBER


async def main(port: int) -> None:
    """Serve until the process is stopped."""
    Sink.begun, Sink.ended = [], []
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
