"""A run that a step has started does not go on when the step no longer waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps import WorkflowEngine
from minizaps.journal.journal import Journal
from minizaps.journal.status import Kind, Status
from tests.engine.conftest import Driver

SLEEP = {"type": "delay", "config": {"seconds": 3600}}


def call(**keys: Any) -> dict[str, Any]:
    config = {"workflow": "sleeper"}
    return {"id": "call", "type": "workflow", "timeout": 5, "config": config, **keys}


async def child_of(driver: Driver, run_id: str) -> str:
    (begun, *_) = [e for e in await driver.events(run_id) if e.kind is Kind.BEGIN]
    child: str = begun.data["run"]
    return child


@pytest.mark.parametrize(
    "keys", [{"on_error": "continue"}, {"retry": {"max_attempts": 2, "delay": 60, "jitter": False}}]
)
async def test_a_called_run_is_cancelled_when_the_worker_died_at_its_timeout(
    driver: Driver, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.define(SLEEP, name="sleeper")
    run = await driver.execute(call(**keys), {"type": "delay", "config": {"seconds": 60}})
    child = await child_of(driver, run.id)
    with monkeypatch.context() as patch:
        # As a worker does that dies before it gets to cancelling.
        patch.setattr(WorkflowEngine, "cancel_child", nothing)
        await driver.advance(5)
    assert (await driver.run(child)).status is Status.WAITING
    await driver.advance(61)
    assert (await driver.run(child)).status is Status.CANCELLED


async def test_what_was_given_up_is_ended_once(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[str] = []
    cancel = WorkflowEngine.cancel_child

    async def noted(self: WorkflowEngine, run_id: str, project: str, parent_id: str) -> None:
        cancelled.append(run_id)
        await cancel(self, run_id, project, parent_id)

    monkeypatch.setattr(WorkflowEngine, "cancel_child", noted)
    await driver.define({"type": "probe", "config": {"fail": 9, "retryable": False}}, name="bad")
    await driver.define(SLEEP, name="sleeper")
    fails = {"id": "bad", "type": "workflow", "config": {"workflow": "bad"}, "on_error": "continue"}
    delays = [{"type": "delay", "config": {"seconds": 10}} for _ in range(3)]
    await driver.execute(fails, call(on_error="continue"), *delays)
    for _ in range(4):
        await driver.advance(10)
    assert len(cancelled) == 1, "one that was given up, none that had ended"


async def nothing(*_: object) -> None:
    """The worker is dead."""


async def test_a_called_run_is_not_cancelled_before_the_reason_is_on_disk(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.define(SLEEP, name="sleeper")
    fails = {"type": "probe", "config": {"fail": 1, "retryable": False}}
    branches = [
        {"id": "one", "steps": [call()]},
        {"id": "two", "steps": [{"type": "delay", "config": {"seconds": 2}}, fails]},
    ]
    run = await driver.execute({"type": "parallel", "branches": branches, "on_error": "continue"})
    child = await child_of(driver, run.id)
    append, known = Journal.append, []

    async def noted(self: Journal, run_id: str, *args: Any, **keys: Any) -> int:
        if run_id == run.id and any(change.kind is Kind.CATCH for change in args[2]):
            known.append((await driver.run(child)).status)
        return await append(self, run_id, *args, **keys)

    monkeypatch.setattr(Journal, "append", noted)
    await driver.advance(3)
    assert known == [Status.WAITING]
    assert (await driver.run(child)).status is Status.CANCELLED
