"""What one workflow, connector or project does must not harm the others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from minizaps import ConnectorError, Context, Pause, WorkflowEngine
from minizaps.definition.input_schema import compile_schema
from minizaps.errors import AttemptTimedOut
from minizaps.journal.sqlite.membership import FileLock
from minizaps.journal.status import Status
from minizaps.worker.rescuer import Rescuer
from tests.engine.conftest import Driver, OnceProbe, Probe, ProbeConfig

QUICK = {"type": "probe", "config": {"output": {"n": 1}}}
HANGING = {"id": "hang", "type": "probe", "config": {"hang": True}}


def install(monkeypatch: pytest.MonkeyPatch, kind: type[Probe], **facts: Any) -> dict[str, Any]:
    connector = type("Odd", (kind,), facts)
    monkeypatch.setitem(WorkflowEngine.CONNECTOR_MAP, "odd", (connector, ProbeConfig))
    return {"type": "odd", "retry": {"max_attempts": 3, "delay": 0}}


async def test_a_worker_holds_no_more_runs_than_it_has_places(driver: Driver) -> None:
    hanging = await driver.define(HANGING)
    worker = driver.app.worker
    assert worker is not None
    for _ in range(6):
        starts = [driver.start(hanging) for _ in range(5)]
        await asyncio.gather(worker.run_once(), *starts, worker.run_once())
    async with asyncio.timeout(10):
        while len(worker.leases) < 8:  # four fifths of ten places: they are all of one project
            await asyncio.sleep(0.01)
    for _ in range(3):
        await asyncio.gather(worker.run_once(), driver.start(hanging), worker.run_once())
        assert len(worker.leases) == 8


async def test_a_run_that_was_claimed_again_is_not_dropped_for_its_old_lease(
    driver: Driver,
) -> None:
    run_id = await driver.start(await driver.define(HANGING))
    worker = driver.app.worker
    assert worker is not None
    await Probe.started.wait()
    rescuer = Rescuer(driver.app.journal, FileLock(Path("unused")), worker)
    await driver.app.journal.adopt([(run_id, 1)])
    await rescuer.compare()
    worker.drop(run_id)
    await worker.settle()
    async with asyncio.timeout(5):
        while not worker.leases:
            await worker.run_once()
            await asyncio.sleep(0)
    await rescuer.compare()
    assert worker.leases == {run_id: 2}


@pytest.mark.parametrize("kind", [Probe, OnceProbe])
async def test_a_timed_out_attempt_is_repeated_only_where_it_may_be(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, kind: type[Probe]
) -> None:
    odd = install(monkeypatch, kind)
    run = await driver.execute({**odd, "config": {"hang": True}, "timeout": 0.02})
    assert run.status is (Status.WAITING if kind is Probe else Status.FAILED)


@pytest.mark.parametrize("repeated", [True, False])
async def test_what_a_connector_s_own_timeout_has_cut_off_is_repeated_where_it_may_be(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, repeated: bool
) -> None:
    async def give_up(self: Probe, context: Context) -> None:
        raise AttemptTimedOut("no response", retryable=True)

    odd = install(monkeypatch, Probe, idempotent=repeated, execute=give_up)
    run = await driver.execute(odd)
    assert run.status is (Status.WAITING if repeated else Status.FAILED)


async def test_a_pure_step_that_waits_ends_at_the_timeout_it_sets(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = install(monkeypatch, OnceProbe, pure=True)
    run = await driver.execute({**odd, "config": {"hang": True}, "timeout": 0.02})
    assert run.error_type == "timeout"


async def cancelled(self: Probe, context: Context) -> None:
    raise asyncio.CancelledError


async def odd_details(self: Probe, context: Context) -> None:
    raise ConnectorError("no", type="odd", details={"what": object, 1: {2}})


async def naive(self: Probe, context: Context) -> Pause:
    return Pause(until=context.now().replace(tzinfo=None))


async def text(self: Probe, context: Context) -> Any:
    return "no dict"


async def too_much(self: Probe, context: Context) -> dict[str, str]:
    return {"x": "y" * 2**20}


@pytest.mark.parametrize(
    ("execute", "error"),
    [
        (cancelled, "unexpected"),
        (odd_details, "odd"),
        (naive, "bad_output"),
        (text, "bad_output"),
        (too_much, "output_too_large"),
    ],
)
async def test_a_connectors_mistake_fails_its_step_and_no_more(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, execute: Any, error: str
) -> None:
    odd = install(monkeypatch, Probe, execute=execute)
    caught = {**odd, "id": "odd", "on_error": "continue"}
    said = {"type": "set", "config": {"values": {"e": "{{ steps.odd.error.type }}"}}}
    run = await driver.execute(caught, said)
    assert (run.status, (await driver.last(run.id))["output"]) == (Status.SUCCEEDED, {"e": error})


async def test_a_config_that_multiplies_its_input_is_refused(driver: Driver) -> None:
    many = {f"v{n}": "{{ trigger.body }}" for n in range(100)}
    run = await driver.execute({"type": "set", "config": {"values": many}}, body="x" * 500_000)
    assert run.error_type == "config_too_large"


async def test_a_run_that_is_done_at_its_deadline_has_succeeded(driver: Driver) -> None:
    run = await driver.execute({"type": "delay", "config": {"seconds": 60}}, timeout=60)
    await driver.advance(60)
    assert (await driver.run(run.id)).status is Status.FAILED  # its delay is still to be ended
    run = await driver.execute(QUICK, name="quick", timeout=60)
    assert run.status is Status.SUCCEEDED


def test_a_schema_that_doubles_its_work_at_each_level_ends() -> None:
    parts = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)}
    parts["a30"] = {"type": "string"}
    check = compile_schema({"$defs": parts, "$ref": "#/$defs/a0"})
    (problem,) = check(1)
    assert "too many evaluations" in problem.detail
    assert check("text") == []
