"""Installations with their HTTP door, and a token server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.api.conftest import open_server, server, sink  # noqa: F401
from tests.credentials.token_server import TokenServer


@pytest.fixture
async def token_server() -> AsyncIterator[TokenServer]:
    found = TokenServer()
    app = web.Application()
    app.router.add_post("/token", found.token)
    app.router.add_post("/google", found.google)
    app.router.add_get("/api", found.api)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    if found.hold is not None:
        found.hold.set()
    await runner.cleanup()
