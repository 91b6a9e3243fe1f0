"""Installations with their HTTP door, and a token server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.api.conftest import open_server, sink  # noqa: F401
from tests.api.support import Server
from tests.credentials.token_server import TokenServer

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def settings(database_url: str) -> dict[str, Any]:
    """On Postgres the secret key is a setting; on SQLite the data folder has one."""
    return {} if database_url.startswith("sqlite") else {"secret_key": KEY}


@pytest.fixture
async def server(open_server: Callable[..., Any], settings: dict[str, Any]) -> Server:  # noqa: F811
    """An open installation, with the client `admin`."""
    found: Server = await open_server(**settings)
    return found


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
