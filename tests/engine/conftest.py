from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from minizaps import BaseConnector, ConnectorConfig, ConnectorError, Pause, WorkflowEngine
from minizaps.app import App, open_app
from minizaps.clock import ManualClock
from minizaps.connectors.base import Context
from minizaps.definition.steps import RetryPolicy
from minizaps.engine.timeline import StepView, timeline
from minizaps.journal.records import Event, Run
from minizaps.journal.status import Status
from minizaps.settings import Settings
from minizaps.worker.waker import wake_all


class ProbeConfig(ConnectorConfig):
    """What the probe does."""

    fail: int = 0
    retryable: bool = True
    retry_after: float | None = None
    hang: bool = False
    output: Any = None


class Probe(BaseConnector[ProbeConfig]):
    """Notes each attempt, fails as often as told, then answers."""

    idempotent = True
    retry = RetryPolicy(max_attempts=3, delay=10, backoff=2, jitter=False)
    calls: ClassVar[list[Context]] = []
    started: ClassVar[asyncio.Event]

    async def execute(self, context: Context) -> dict[str, Any] | Pause | None:
        type(self).calls.append(context)
        Probe.started.set()
        if self.config.hang:
            await asyncio.Event().wait()
        if context.attempt <= self.config.fail:
            raise ConnectorError(
                "down",
                type="probe_down",
                retryable=self.config.retryable,
                retry_after=self.config.retry_after,
            )
        return self.config.output


class OnceProbe(Probe):
    """As the probe, but an interrupted attempt may not be run again."""

    idempotent = False


class Driver:
    """Drives an open app as a user would, with the clock in hand."""

    def __init__(self, app: App, clock: ManualClock) -> None:
        self.app = app
        self.clock = clock

    async def define(self, *steps: dict[str, Any], **fields: Any) -> str:
        definition = WorkflowEngine.check({"name": "test", "steps": list(steps), **fields})
        workflow = await self.app.catalog.create("default", definition, active=True, by="test")
        return workflow.id

    async def start(self, workflow_id: str, body: Any = None, project: str = "default") -> str:
        trigger = {"id": "manual", "type": "manual", "body": body, "headers": {}, "query": {}}
        new = await self.app.engine.prepare(project, workflow_id, 1, trigger)
        return (await self.app.start(new)).run_id

    async def settle(self) -> None:
        """Until nothing is driven and nothing is ready."""
        worker = self.app.worker
        assert worker is not None
        async with asyncio.timeout(20):
            while True:
                await worker.run_once()
                await worker.settle()
                counts = await self.app.listings.live_counts()
                # What has a signal that it had not seen when it was put down is due at once.
                woken = await wake_all(self.app.journal, self.clock)
                busy = {Status.QUEUED, Status.RUNNING} & counts.keys() or worker.leases
                if not woken and not busy:
                    return
                await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move the clock and let what is due go on."""
        self.clock.advance(seconds)
        await wake_all(self.app.journal, self.clock)
        await self.settle()

    async def execute(self, *steps: dict[str, Any], body: Any = None, **fields: Any) -> Run:
        """Define a workflow, run it as far as it goes, return the run."""
        run_id = await self.start(await self.define(*steps, **fields), body)
        await self.settle()
        return await self.run(run_id)

    async def run(self, run_id: str) -> Run:
        return await self.app.listings.run(run_id, "default")

    async def events(self, run_id: str) -> list[Event]:
        return await self.app.listings.events(run_id)

    async def last(self, run_id: str) -> dict[str, Any]:
        return (await self.events(run_id))[-1].data

    async def steps(self, run_id: str) -> dict[str, StepView]:
        run = await self.run(run_id)
        plan = await self.app.engine.plan(run.workflow_id, run.version)
        return {s.path: s for s in timeline(plan, run, await self.events(run_id))}


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> None:
    Probe.calls.clear()
    Probe.started = asyncio.Event()
    monkeypatch.setitem(WorkflowEngine.CONNECTOR_MAP, "probe", (Probe, ProbeConfig))
    monkeypatch.setitem(WorkflowEngine.CONNECTOR_MAP, "once", (OnceProbe, ProbeConfig))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of the tests' installation, on each of the databases."""
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        concurrency=10,
        shutdown_grace=0,
        max_events=100,
    )


@pytest.fixture
async def driver(settings: Settings, clock: ManualClock) -> AsyncIterator[Driver]:
    async with open_app(settings, clock=clock) as app:
        yield Driver(app, clock)
