"""What an attempt is given, with a real client and a clock that stands still."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from minizaps.connectors.base import Context
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import HttpClient

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    dial = Dialler(allow_networks=["127.0.0.0/8"])
    async with HttpClient(allow_networks=["127.0.0.0/8"]) as http, aclosing(dial):
        yield Context(
            data={},
            run_id="run",
            path="send",
            attempt=1,
            idempotency_key="key-of-this-step",
            http=http,
            dial=dial,
            now=lambda: NOW,
        )


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Any], Awaitable[str]]]:
    """Starts a server with one handler for everything; answers its address."""
    async with AsyncExitStack() as stack:

        async def start(handler: Any) -> str:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """With it, a server shows the certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
async def trusting(context: Context, certificate: tuple[Path, Path]) -> AsyncIterator[Context]:
    """A context that trusts the certificate, and no other."""
    tls = ssl.create_default_context(cafile=str(certificate[0]))
    dial = Dialler(allow_networks=["127.0.0.0/8"], tls=tls)
    async with aclosing(dial):
        yield replace(context, dial=dial)
