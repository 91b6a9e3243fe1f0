"""A whole installation with a broker: what it tells of, and what it loses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from minizaps.app import App, open_app
from minizaps.journal.status import Status
from minizaps.metrics import RUNS_CLAIMED
from minizaps.settings import Settings
from tests.journal.runs import new_run
from tests.servers.daemon import Daemon

PATIENCE = 20.0


@pytest.fixture(params=["rabbitmq", "redis"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Daemon]:
    server: Daemon = request.getfixturevalue(f"{request.param}_server")
    if not server.running:
        server.start()
    await server.flush()
    yield server
    if not server.running:
        server.start()


@pytest.fixture
async def apps(broker: Daemon, postgres_url: str, tmp_path: Path) -> AsyncIterator[list[App]]:
    """A process that takes runs in, and two that drive them."""
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, broker_url=broker.url)
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_app(settings, worker=worker))
            for worker in (False, True, True)
        ]


def found(way: str) -> float:
    value: float = RUNS_CLAIMED.labels(way)._value.get()
    return value


async def finish(app: App, count: int) -> float:
    """Start so many runs and wait until all have succeeded; return the seconds that it took."""
    definition = app.engine.check(
        {"name": "x", "steps": [{"type": "set", "config": {"values": {"n": 1}}}]}
    )
    workflow_id = next((w.id for w in await app.catalog.workflows("default", limit=1)), None)
    if workflow_id is None:
        saved = await app.catalog.create("default", definition, active=True, by="test")
        workflow_id = saved.id
    before = time.monotonic()
    new = new_run()._replace(workflow_id=workflow_id)
    ids = [(await app.start(new)).run_id for _ in range(count)]
    async with asyncio.timeout(PATIENCE):
        for run_id in ids:
            while (await app.listings.run(run_id, "default")).status is not Status.SUCCEEDED:
                await asyncio.sleep(0.01)
    return time.monotonic() - before


async def test_the_broker_tells_the_workers_of_runs(apps: list[App]) -> None:
    await finish(apps[0], 1)  # the consumers are there
    before = found("broker")
    await finish(apps[0], 40)
    assert found("broker") - before >= 20


async def test_what_a_broker_has_lost_the_sweep_finds_within_two_seconds(
    apps: list[App], broker: Daemon
) -> None:
    await finish(apps[0], 1)
    await asyncio.sleep(1)  # RabbitMQ cannot recover a queue that was made just before a kill
    broker.kill()
    before = found("sweep")
    assert await finish(apps[0], 20) < 2.5
    assert found("sweep") - before == 20
    broker.start()
    before = found("broker")
    async with asyncio.timeout(PATIENCE):
        while found("broker") == before:
            await finish(apps[0], 1)
