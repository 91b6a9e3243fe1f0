"""`workflow`: another workflow's run as a step."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minizaps import WorkflowEngine
from minizaps.app import open_app
from minizaps.clock import ManualClock
from minizaps.errors import DefinitionInvalid
from minizaps.journal.claims import Room
from minizaps.journal.listings import RunFilter
from minizaps.journal.records import Run
from minizaps.journal.status import Kind, Status
from minizaps.settings import Settings
from minizaps.worker.follow_up import FollowUp
from tests.engine.conftest import Driver, Probe
from tests.engine.support import delay, failure, foreach, output, parallel, probe, values


class Death(BaseException):
    """The worker is gone."""


def call(name: str = "callee", step_id: str = "sub", **keys: Any) -> dict[str, Any]:
    config = {"workflow": name, **{k: keys.pop(k) for k in ("input", "wait") if k in keys}}
    return {"id": step_id, "type": "workflow", "config": config, **keys}


async def children(driver: Driver, run: Run) -> list[Run]:
    found = await driver.app.listings.runs(RunFilter("default", parent=run.id), 100)
    return sorted(found, key=lambda r: r.id)


async def test_a_called_runs_output_is_the_steps(driver: Driver) -> None:
    await driver.define(values("double", n="{{ trigger.body.n * 2 }}"), name="callee")
    run = await driver.execute(
        call(input={"n": "{{ trigger.body }}"}),
        values("last", n="{{ steps.sub.output.n }}"),
        body=4,
    )
    assert await output(driver, run.id) == {"n": 8}
    (child,) = await children(driver, run)
    assert (child.status, child.trigger_type, child.trigger_id) == (
        Status.SUCCEEDED, "workflow", "sub",
    )  # fmt: skip
    assert (await driver.steps(run.id))["sub"].run == child.id


async def test_a_run_that_waits_for_another_takes_no_place(driver: Driver) -> None:
    await driver.define(delay(3600), name="callee")
    run = await driver.execute(call(), values("last", n=1))
    assert run.status is Status.WAITING
    assert driver.app.worker is not None
    assert driver.app.worker.leases == {}
    await driver.advance(3600)
    assert (await driver.run(run.id)).status is Status.SUCCEEDED


async def test_a_run_that_does_not_wait_goes_on_at_once(driver: Driver) -> None:
    await driver.define(delay(3600), name="callee")
    run = await driver.execute(call(wait=False), values("last", id="{{ steps.sub.run_id }}"))
    (child,) = await children(driver, run)
    assert await output(driver, run.id) == {"id": child.id}
    assert child.status is Status.WAITING


async def test_a_failed_call_fails_the_step_and_may_be_tried_again(driver: Driver) -> None:
    await driver.define(probe(fail=1, retry={"max_attempts": 1}), name="callee")
    run = await driver.execute(call(retry={"max_attempts": 2, "delay": 60, "jitter": False}))
    assert run.status is Status.WAITING
    await driver.advance(61)
    error = await failure(driver, run.id)
    assert error["type"] == "workflow_failed"
    assert error["details"]["error"]["type"] == "probe_down"
    first, second = await children(driver, run)
    assert (first.status, second.status) == (Status.FAILED, Status.FAILED)
    assert error["details"]["run"] == second.id
    attempts = (await driver.steps(run.id))["sub"].attempts
    assert [a.status for a in attempts] == ["failed", "failed"]


async def test_on_error_catches_a_failed_call(driver: Driver) -> None:
    await driver.define(probe(fail=9, retryable=False), name="callee")
    last = values("last", why="{{ steps.sub.error.details.error.type }}")
    run = await driver.execute(call(on_error="continue"), last)
    assert await output(driver, run.id) == {"why": "probe_down"}


async def test_a_cancelled_call_fails_its_step(driver: Driver) -> None:
    await driver.define(delay(3600), name="callee")
    run = await driver.execute(call())
    (child,) = await children(driver, run)
    await driver.app.journal.cancel(child.id, "default", "ada")
    await driver.settle()
    assert (await failure(driver, run.id))["type"] == "workflow_cancelled"


async def test_a_called_run_ends_with_its_parent_and_so_do_those_below(driver: Driver) -> None:
    await driver.define(delay(3600), name="leaf")
    await driver.define(call("leaf"), name="callee")
    run = await driver.execute(call(), call("leaf", "free", wait=False))
    (child,) = await children(driver, run)
    (leaf,) = await children(driver, child)
    await driver.app.journal.cancel(run.id, "default", "ada")
    await driver.settle()
    assert (await driver.run(child.id)).status is Status.CANCELLED
    assert (await driver.run(leaf.id)).status is Status.CANCELLED
    assert (await driver.events(leaf.id))[-1].data == {"by": f"run:{child.id}"}


async def test_a_run_that_is_not_waited_for_goes_on_without_its_parent(driver: Driver) -> None:
    await driver.define(delay(3600), name="callee")
    run = await driver.execute(call(wait=False), delay(9999))
    (child,) = await children(driver, run)
    await driver.app.journal.cancel(run.id, "default", "ada")
    await driver.advance(3600)
    assert (await driver.run(child.id)).status is Status.SUCCEEDED


async def test_a_call_ends_with_the_branch_that_made_it(driver: Driver) -> None:
    await driver.define(delay(3600), name="callee")
    bad = [delay(5, "short"), probe("bad", fail=9, retryable=False)]
    block = {**parallel(left=[call()], right=bad), "on_error": "continue"}
    run = await driver.execute(block, delay(60, "after"))
    (child,) = await children(driver, run)
    await driver.advance(5)
    assert (await driver.run(run.id)).status is Status.WAITING
    assert (await driver.run(child.id)).status is Status.CANCELLED


async def test_a_calls_timeout_cancels_the_run(driver: Driver) -> None:
    await driver.define(delay(3600), name="callee")
    run = await driver.execute(call(timeout=60))
    (child,) = await children(driver, run)
    await driver.advance(59)
    assert (await driver.run(run.id)).status is Status.WAITING
    await driver.advance(1)
    assert (await failure(driver, run.id))["type"] == "timeout"
    assert (await driver.run(child.id)).status is Status.CANCELLED


async def test_many_are_called_beside_each_other(driver: Driver) -> None:
    await driver.define(
        delay("{{ trigger.body }}"), values("v", n="{{ trigger.body }}"), name="callee"
    )
    run = await driver.execute(
        foreach([30, 10, 20], call(input="{{ item }}"), concurrency=3),
        values("last", all="{{ steps.each | map('output') | map('n') }}"),
    )
    for _ in range(3):
        await driver.advance(10)
    assert await output(driver, run.id) == {"all": [30, 10, 20]}


async def test_what_a_call_does_not_take_is_said(driver: Driver) -> None:
    schema = {"type": "object", "required": ["id"]}
    await driver.define(values("v", n=1), name="callee", input_schema=schema)
    run = await driver.execute(call(input={}))
    error = await failure(driver, run.id)
    assert (error["type"], "'id' is a required property" in error["message"]) == ("input", True)
    assert await children(driver, run) == []


async def test_a_workflow_that_is_gone_is_said(driver: Driver) -> None:
    run = await driver.execute(call("nowhere"))
    assert (await failure(driver, run.id))["type"] == "workflow_not_found"


async def test_circles_are_refused_when_they_are_saved(driver: Driver) -> None:
    engine = driver.app.engine

    async def problems(name: str, *callees: str) -> str:
        steps = [call(callee, f"sub_{n}") for n, callee in enumerate(callees)]
        checked = WorkflowEngine.check({"name": name, "steps": steps})
        try:
            await engine.check_callees("default", checked)
        except DefinitionInvalid as error:
            return str(error)
        return ""

    await driver.define(values("v", n=1), name="leaf")
    await driver.define(call("leaf"), name="middle")
    await driver.define(call("middle"), name="top")
    assert await problems("new", "top", "leaf") == ""
    assert "may not call itself" in await problems("own", "own")
    assert "there is no workflow 'x': save it first" in await problems("new", "x")
    assert "leaf → top → middle → leaf" in await problems("leaf", "top")


async def test_calls_that_go_round_all_the_same_end_at_a_depth(driver: Driver) -> None:
    await driver.define(call("test"), name="callee")
    run = await driver.execute(call())
    error = await failure(driver, run.id)
    while error["type"] == "workflow_failed":
        error = error["details"]["error"]
    assert error["type"] == "too_deep"


@pytest.mark.parametrize("begun", [False, True])
async def test_a_run_that_was_about_to_be_called_when_its_worker_died_is_called_once(
    settings: Settings, clock: ManualClock, begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_app(settings, clock=clock, worker=False) as app:
        driver = Driver(app, clock)
        await driver.define(probe(output={"n": 1}), name="callee")
        run_id = await driver.start(await driver.define(call()))
        (claimed,) = await app.journal.claim("dead", Room(1, 1))
        execution = await app.engine.execution(claimed)
        start = app.journal.start

        async def die(*given: Any, **keys: Any) -> Any:
            if begun:
                await start(*given, **keys)
            raise Death

        monkeypatch.setattr(app.journal, "start", die)
        with pytest.raises(Death):
            await execution.drive()
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        run = await driver.run(run_id)
        assert run.status is Status.SUCCEEDED
        assert len(await children(driver, run)) == 1
        assert len(Probe.calls) == 1


async def test_an_end_that_nobody_was_told_of_is_found(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: str) -> None:
        """The process dies between the end and what follows from it."""

    await driver.define(delay(60), values("v", n=1), name="callee")
    run = await driver.execute(call())
    follow_up = driver.app.journal.follow_up
    monkeypatch.setattr(driver.app.journal, "follow_up", nothing)
    await driver.advance(60)
    assert (await driver.run(run.id)).status is Status.WAITING
    monkeypatch.setattr(driver.app.journal, "follow_up", follow_up)
    assert await FollowUp(driver.app.journal).run_once() == 1
    await driver.settle()
    assert (await driver.run(run.id)).status is Status.SUCCEEDED
    kinds = [event.kind for event in await driver.events(run.id)]
    assert kinds.count(Kind.SIGNAL) == 1


async def test_a_worker_that_lost_the_parent_starts_no_child(
    driver: Driver, clock: ManualClock
) -> None:
    await driver.define(values("v", n=1), name="callee")
    workflow_id = await driver.define(call())
    driver.app.worker._draining = True  # type: ignore[union-attr]
    run_id = await driver.start(workflow_id)
    (claimed,) = await driver.app.journal.claim("stale", Room(1, 1))
    execution = await driver.app.engine.execution(claimed)
    await driver.app.journal.adopt([(run_id, 1)])
    driving = asyncio.create_task(execution.drive())
    await asyncio.wait([driving])
    assert type(driving.exception()).__name__ == "LeaseLost"
    assert await children(driver, await driver.run(run_id)) == []
