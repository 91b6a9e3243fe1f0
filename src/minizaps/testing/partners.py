"""The other side of a connector: one that answers, and those on which nothing can be built."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from aiohttp import web

GARBAGE = b"\x00\xff\x15 this is no protocol \x80\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the HTTP partner was sent.

    Attributes:
        path: decoded; `raw_path` is as it was sent.
        query: the first value of each name.
        headers: their names in lower case.
    """

    method: str
    path: str
    raw_path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the HTTP partner answers: a body of bytes is sent as it is, any other as JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Partner:
    """The other side, and what it has heard.

    Attributes:
        calls: the requests, where it speaks HTTP.
        heard: the bytes that came in, where the author of another protocol notes them.
    """

    host: str
    port: int
    calls: list[Call] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        """Its address as that of a web server, without a slash at the end."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def http_partner(respond: Callable[[Call], Answer]) -> AsyncIterator[Partner]:
    """A web server on this machine."""

    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        query = {name: request.query[name] for name in request.query}
        raw = request.rel_url.raw_path
        call = Call(request.method, request.path, raw, query, headers, body)
        partner.calls.append(call)
        return _response(respond(call))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        partner = Partner("127.0.0.1", runner.addresses[0][1])
        yield partner
    finally:
        await runner.cleanup()


def always(answer: Answer) -> Callable[[Call], Answer]:
    """What answers every request in the same way."""
    return lambda call: answer


def _response(answer: Answer) -> web.Response:
    as_it_is = isinstance(answer.body, bytes)
    kind = "application/octet-stream" if as_it_is else "application/json"
    # The same answer has the same headers, at whatever second it is given.
    headers = {"Content-Type": kind, "Date": "Sat, 01 Jan 2028 00:00:00 GMT", **answer.headers}
    body = answer.body if as_it_is else orjson.dumps(answer.body)
    return web.Response(status=answer.status, body=body, headers=headers)


@asynccontextmanager
async def refusing() -> AsyncIterator[Partner]:
    """Nobody listens there; the port is taken meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Partner("127.0.0.1", taken.getsockname()[1])


@dataclass
class Silence:
    """A partner that takes connections, and never says a word.

    Attributes:
        called: set once there was a connection.
        gone: set while no connection is open.
    """

    partner: Partner
    called: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0


class _Taken(asyncio.Protocol):
    """The partner's end of a connection."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport


class _Silent(_Taken):
    def __init__(self, silence: Silence) -> None:
        self._silence = silence

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._silence.open += 1
        self._silence.called.set()
        self._silence.gone.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._silence.open -= 1
        if not self._silence.open:
            self._silence.gone.set()


class _Rude(_Taken):
    """Says something that is no protocol, or nothing, and hangs up once it has heard something."""

    def __init__(self, speech: bytes) -> None:
        self._speech = speech

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self._speech)
        # Protocols in which the server speaks first wait for a greeting.
        asyncio.get_running_loop().call_later(0.05, self.transport.close)

    def data_received(self, data: bytes) -> None:
        self.transport.write(self._speech)
        self.transport.close()


@asynccontextmanager
async def silent() -> AsyncIterator[Silence]:
    """One that never answers."""
    silence = Silence(Partner("127.0.0.1", 0))
    silence.gone.set()
    async with _listening(partial(_Silent, silence)) as silence.partner.port:
        yield silence


@asynccontextmanager
async def rude(speech: bytes) -> AsyncIterator[Partner]:
    """One that answers everything with these bytes, and hangs up."""
    async with _listening(partial(_Rude, speech)) as port:
        yield Partner("127.0.0.1", port)


@asynccontextmanager
async def _listening(protocol: Callable[[], _Taken]) -> AsyncIterator[int]:
    taken: list[_Taken] = []

    def take() -> _Taken:
        taken.append(protocol())
        return taken[-1]

    server = await asyncio.get_running_loop().create_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in taken:
            connection.transport.abort()
        await asyncio.sleep(0)  # what is aborted is closed in the loop's next turn
