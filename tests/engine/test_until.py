"""`until`: a step is tried again until its output is right."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from minizaps import BaseConnector, ConnectorConfig, WorkflowEngine
from minizaps.connectors.base import Context
from minizaps.journal.status import Status
from tests.engine.conftest import Driver
from tests.engine.support import failure, output, values


class Nothing(ConnectorConfig):
    """It has no fields."""


class Job(BaseConnector[Nothing]):
    """A job that is done at its third look."""

    idempotent = True
    looks: ClassVar[int] = 0

    async def execute(self, context: Context) -> dict[str, Any]:
        Job.looks += 1
        return {"state": "done" if Job.looks >= 3 else "running", "looks": Job.looks}


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    Job.looks = 0
    monkeypatch.setitem(WorkflowEngine.CONNECTOR_MAP, "job", (Job, Nothing))


def look(most: int, until: str = "{{ state == 'done' and steps.job.looks > 0 }}") -> dict[str, Any]:
    retry = {"max_attempts": most, "delay": 30, "backoff": 1, "jitter": False}
    return {"id": "job", "type": "job", "retry": retry, "until": until}


async def test_a_step_is_tried_until_its_output_is_right(driver: Driver) -> None:
    run = await driver.execute(look(5), values("last", n="{{ looks }}"))
    for _ in range(2):
        assert run.status is Status.WAITING
        await driver.advance(31)
        run = await driver.run(run.id)
    assert await output(driver, run.id) == {"n": 3}
    attempts = (await driver.steps(run.id))["job"].attempts
    assert [a.status for a in attempts] == ["failed", "failed", "succeeded"]


async def test_it_fails_when_no_attempt_is_left(driver: Driver) -> None:
    run = await driver.execute(look(2))
    await driver.advance(31)
    assert (await failure(driver, run.id))["type"] == "not_yet"


async def test_an_until_that_cannot_be_computed_fails_the_step_at_once(driver: Driver) -> None:
    run = await driver.execute(look(5, "{{ nothing.here }}"))
    assert (await failure(driver, run.id))["type"] == "expression"
