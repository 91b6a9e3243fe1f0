from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from minizaps.brokers.broker import Broker
from minizaps.brokers.open import open_broker
from tests.servers.daemon import Daemon


@pytest.fixture(params=["rabbitmq", "redis"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Daemon]:
    """Each broker's server, running and empty."""
    server: Daemon = request.getfixturevalue(f"{request.param}_server")
    if not server.running:
        server.start()
    await server.flush()
    yield server
    if server.running:
        server.resume()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Daemon], Broker]]:
    """Opens brokers, which are closed after the test."""
    async with AsyncExitStack() as stack:

        def connect(server: Daemon) -> Broker:
            broker = open_broker(server.url)
            stack.push_async_callback(broker.close)
            return broker

        yield connect


@pytest.fixture
def broker(server: Daemon, connect: Callable[[Daemon], Broker]) -> Broker:
    """A broker on the server."""
    return connect(server)
