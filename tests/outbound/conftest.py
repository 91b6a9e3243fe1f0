"""Real servers on loopback, and a client that may reach them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from minizaps.connectors.outbound import HttpClient

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ["127.0.0.0/8"]


class Names(AbstractResolver):
    """A resolver whose answers the test chooses: each name's in turn, the last one for good."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        turns = self.answers[host]
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=0, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(allow_networks=LOOPBACK, max_response_bytes=100_000) as client:
        yield client


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[web.RequestHandler], Awaitable[str]]]:
    """Starts an HTTP server with one handler for everything; answers its address."""
    async with AsyncExitStack() as stack:

        async def start(handler, **site) -> str:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0, **site).start()
            scheme = "https" if site.get("ssl_context") else "http"
            return f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"

        yield start


@pytest.fixture
async def talk() -> AsyncIterator[Callable[[Talk | bytes], Awaitable[str]]]:
    """Starts a server that says what the test wants once it has read a request's head."""
    async with AsyncExitStack() as stack:

        async def start(speech: Talk | bytes) -> str:
            async def connected(reader, writer) -> None:
                try:
                    await reader.readuntil(b"\r\n\r\n")
                    if isinstance(speech, bytes):
                        writer.write(speech)
                        await writer.drain()
                    else:
                        await speech(reader, writer)
                except (ConnectionError, asyncio.IncompleteReadError):
                    pass
                finally:
                    writer.close()

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

        yield start
