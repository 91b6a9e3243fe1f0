"""The limits of a workflow, from its definition to its runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from minizaps.app import open_app
from minizaps.clock import ManualClock
from minizaps.errors import InvalidInput
from minizaps.journal.status import Status
from minizaps.settings import Settings
from tests.engine.conftest import Driver, Probe

STEP = {"id": "a", "type": "probe", "config": {}}
HANGING = {"id": "a", "type": "probe", "config": {"hang": True}}


async def statuses(driver: Driver, ids: list[str]) -> list[Status]:
    return [(await driver.run(run_id)).status for run_id in ids]


async def test_runs_under_a_limit_go_one_after_the_other_to_their_end(driver: Driver) -> None:
    workflow_id = await driver.define(STEP, concurrency={"limit": 1})
    ids = [await driver.start(workflow_id) for _ in range(5)]
    async with asyncio.timeout(20):
        while await statuses(driver, ids) != [Status.SUCCEEDED] * 5:
            await driver.settle()
    assert [context.run_id for context in Probe.calls] == ids


async def test_the_key_tells_runs_apart_within_their_workflow(driver: Driver) -> None:
    fields: dict[str, Any] = {"concurrency": {"key": "{{ trigger.body.customer }}", "limit": 1}}
    one = await driver.define(HANGING, **fields)
    two = await driver.define(HANGING, **fields | {"name": "other"})
    ids = [await driver.start(w, {"customer": c}) for w in (one, two) for c in (1, "b", 1)]
    async with asyncio.timeout(10):
        while len(Probe.calls) < 4:
            await asyncio.sleep(0)
    free = Status.RUNNING
    assert await statuses(driver, ids) == [free, free, Status.WAITING] * 2


async def test_a_run_that_is_cancelled_for_another_leaves_its_worker(driver: Driver) -> None:
    limits = {"limit": 1, "on_limit": "cancel_running"}
    workflow_id = await driver.define(HANGING, concurrency=limits)
    first = await driver.start(workflow_id)
    async with asyncio.timeout(10):
        await Probe.started.wait()
        second = await driver.start(workflow_id)
        worker = driver.app.worker
        assert worker is not None
        while worker.leases.keys() != {second}:
            await asyncio.sleep(0)
    assert await statuses(driver, [first, second]) == [Status.CANCELLED, Status.RUNNING]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "the workflow's concurrency.key fails on this input: .*'id' is missing"),
        ({"id": [1]}, "the workflow's concurrency.key gives a list for this input"),
        ({"id": {}}, "the workflow's concurrency.key gives an object for this input"),
    ],
)
async def test_an_input_without_a_key_is_refused_and_nothing_is_started(
    body: Any, message: str, driver: Driver
) -> None:
    limits = {"key": "{{ trigger.body.id }}", "limit": 1}
    workflow_id = await driver.define(STEP, concurrency=limits)
    with pytest.raises(InvalidInput, match=message):
        await driver.start(workflow_id, body)
    assert await driver.app.listings.live_counts() == {}


@pytest.mark.parametrize("value", ["x" * 10_000, "a\0b", None, True, 1.5, "ü"])
async def test_any_text_or_number_is_a_key(value: Any, driver: Driver) -> None:
    limits = {"key": "{{ trigger.body }}", "limit": 1}
    workflow_id = await driver.define(HANGING, concurrency=limits)
    trigger = {"id": "m", "type": "manual", "body": value, "headers": {}, "query": {}}
    new = await driver.app.engine.prepare("default", workflow_id, 1, trigger)
    assert new.limits is not None
    key, limit, on_limit = new.limits.concurrency or ("", 0, "")
    assert key.startswith(f"{workflow_id}:")
    assert (limit, on_limit) == (1, "queue")
    clean = new._replace(trigger=trigger | {"body": None})
    ids = [(await driver.app.start(clean)).run_id for _ in range(2)]
    assert (await driver.run(ids[1])).status is Status.WAITING


async def test_durations_become_milliseconds(driver: Driver) -> None:
    fields = {"debounce": {"for": "PT1.5S"}, "rate": {"limit": 3, "per": "PT1M"}}
    workflow_id = await driver.define(STEP, **fields)
    trigger = {"id": "m", "type": "manual", "body": None, "headers": {}, "query": {}}
    new = await driver.app.engine.prepare("default", workflow_id, 1, trigger)
    key = f"{workflow_id}:"
    assert new.limits == ((key, 1500), (key, 3, 60_000), None)


async def test_a_debounced_run_starts_by_itself(driver: Driver) -> None:
    workflow_id = await driver.define(STEP, debounce={"for": 5})
    ids = [await driver.start(workflow_id) for _ in range(3)]
    await driver.advance(4.999)
    assert Probe.calls == []
    await driver.advance(0.001)
    done = [Status.CANCELLED, Status.CANCELLED, Status.SUCCEEDED]
    assert await statuses(driver, ids) == done


async def test_a_worker_elsewhere_is_told_that_its_run_was_cancelled_for_another(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, shutdown_grace=0)
    async with open_app(settings) as app, open_app(settings, worker=False) as door:
        limits = {"limit": 1, "on_limit": "cancel_running"}
        workflow_id = await Driver(door, ManualClock()).define(HANGING, concurrency=limits)
        first = await Driver(door, ManualClock()).start(workflow_id)
        async with asyncio.timeout(10):
            await Probe.started.wait()
            second = await Driver(door, ManualClock()).start(workflow_id)
            while app.worker is None or app.worker.leases.keys() != {second}:
                await asyncio.sleep(0.01)
        assert (await app.listings.run(first, "default")).status is Status.CANCELLED


async def test_a_turn_that_a_door_without_a_worker_frees_is_taken_at_once(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, shutdown_grace=0)
    async with open_app(settings) as app, open_app(settings, worker=False) as door:
        workflow_id = await Driver(door, ManualClock()).define(HANGING, concurrency={"limit": 1})
        first, second = [await Driver(door, ManualClock()).start(workflow_id) for _ in range(2)]
        async with asyncio.timeout(10):
            await Probe.started.wait()
            await door.journal.cancel(first, "default", "ada")
            while app.worker is None or app.worker.leases.keys() != {second}:
                await asyncio.sleep(0.01)
