"""Hundreds of runs in one loop: a slow one holds nobody up, a flood takes no other's place."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from minizaps import Context, WorkflowEngine
from minizaps.journal.status import Status
from tests.engine.conftest import Driver, Probe, ProbeConfig


async def test_a_flood_in_one_project_leaves_places_for_the_others(driver: Driver) -> None:
    hanging = await driver.define({"type": "probe", "config": {"hang": True}})
    definition = driver.app.engine.check(
        {"name": "quick", "steps": [{"type": "set", "config": {"values": {"x": 1}}}]}
    )
    await driver.app.access.create_project("other")
    (other,) = [p.id for p in await driver.app.access.projects() if p.name == "other"]
    quick = await driver.app.catalog.create(other, definition, active=True, by="test")
    for _ in range(30):
        await driver.start(hanging)
    run_id = await driver.start(quick.id, project=other)
    async with asyncio.timeout(5):
        while (await driver.app.listings.run(run_id, other)).status is not Status.SUCCEEDED:
            await asyncio.sleep(0.01)
    assert len(Probe.calls) == 8  # four fifths of ten places


class Compute(Probe):
    """Keeps the processor for a while, as a large expression does."""

    pure = True

    async def execute(self, context: Context) -> dict[str, Any]:
        time.sleep(0.006)
        return {}


async def test_a_run_that_computes_for_long_lets_others_have_their_turn(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WorkflowEngine.CONNECTOR_MAP, "compute", (Compute, ProbeConfig))
    worker = driver.app.worker
    assert worker is not None
    workflow_id = await driver.define(*[{"type": "compute"} for _ in range(20)])
    await driver.start(workflow_id)
    async with asyncio.timeout(5):
        while not worker.leases:  # it may have been queued, while a claim was under way
            await asyncio.sleep(0)
    turns = 0
    while worker.leases:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 20
