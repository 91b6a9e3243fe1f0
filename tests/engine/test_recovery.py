"""What happens to the runs of a worker that died."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from minizaps import WorkflowEngine
from minizaps.app import open_app
from minizaps.clock import ManualClock
from minizaps.connectors.set import SetConnector
from minizaps.errors import JournalUnavailable, LeaseLost, WorkerLocked
from minizaps.journal.claims import Room
from minizaps.journal.records import Change, NewRun
from minizaps.journal.signals import Signals
from minizaps.journal.sqlite.membership import FileLock
from minizaps.journal.status import Kind, Status
from minizaps.settings import Settings
from minizaps.worker.rescuer import Rescuer
from tests.engine.conftest import Driver, OnceProbe, Probe

ALONE = FileLock(Path("unused"))
STEPS = [
    {"id": "first", "type": "probe", "config": {"output": {"n": 1}}},
    {"id": "second", "type": "probe", "config": {"output": {"n": 2}}},
]


async def leave_behind(
    settings: Settings, clock: ManualClock, *kinds: Kind, kind: str = "probe"
) -> str:
    """A run whose worker died after it had written `kinds` for the first step."""
    async with open_app(settings, clock=clock, worker=False) as app:
        first = {**STEPS[0], "type": kind}
        if kind == "set":
            first["config"] = {"values": {"n": 1}}
        steps = [first, STEPS[1]]
        definition = WorkflowEngine.check({"name": "left", "steps": steps})
        workflow = await app.catalog.create("default", definition, active=True, by="test")
        trigger = {"id": "manual", "type": "manual", "body": None, "headers": {}, "query": {}}
        new = NewRun("default", workflow.id, 1, trigger)
        started = await app.journal.start(new, worker="dead")
        data: dict[Kind, dict[str, Any]] = {
            Kind.BEGIN: {"input": {}},
            Kind.COMPLETE: {"output": {"n": 1}},
        }
        for written in kinds:
            if written is Kind.RESCUE:
                await app.journal.rescue("somebody")
                await app.journal.claim("dead", Room(10, 10))
            else:
                change = Change(written, clock.now(), "first", 1, data[written])
                epoch = (await app.listings.run(started.run_id, "default")).epoch
                seq = len(await app.listings.events(started.run_id))
                await app.journal.append(started.run_id, epoch, seq, [change])
        return started.run_id


@pytest.mark.parametrize(
    ("written", "attempts"),
    [
        ((), ["first", "second"]),
        ((Kind.BEGIN,), ["first", "second"]),
        ((Kind.BEGIN, Kind.COMPLETE), ["second"]),
    ],
)
async def test_a_run_goes_on_where_its_worker_died(
    settings: Settings, clock: ManualClock, written: tuple[Kind, ...], attempts: list[str]
) -> None:
    run_id = await leave_behind(settings, clock, *written)
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        assert (await driver.run(run_id)).status is Status.SUCCEEDED
        assert [call.path for call in Probe.calls] == attempts
        assert Probe.calls[0].idempotency_key == f"{run_id}:{attempts[0]}"


async def test_an_interrupted_attempt_that_may_not_be_repeated_waits_for_a_person(
    settings: Settings, clock: ManualClock
) -> None:
    run_id = await leave_behind(settings, clock, Kind.BEGIN, kind="once")
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        run = await driver.run(run_id)
        assert (run.status, run.error_type) == (Status.FAILED, "outcome_unknown")
        assert run.dead_letter == "open"
        assert Probe.calls == []
        view = (await driver.steps(run_id))["first"]
        assert view.attempts[0].status == "interrupted"


@pytest.mark.parametrize(
    ("repeatable", "status"), [({"n": 1}, Status.SUCCEEDED), ({"n": 2}, Status.FAILED)]
)
async def test_a_connector_may_say_by_its_config_whether_an_attempt_is_repeated(
    settings: Settings,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    repeatable: Any,
    status: Status,
) -> None:
    monkeypatch.setattr(OnceProbe, "may_repeat", lambda probe: probe.config.output == repeatable)
    run_id = await leave_behind(settings, clock, Kind.BEGIN, kind="once")
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        assert (await driver.run(run_id)).status is status


async def test_a_step_that_takes_its_worker_down_three_times_is_poison(
    settings: Settings, clock: ManualClock
) -> None:
    deaths = (Kind.BEGIN, Kind.RESCUE, Kind.BEGIN, Kind.RESCUE, Kind.BEGIN)
    run_id = await leave_behind(settings, clock, *deaths)
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        run = await driver.run(run_id)
        assert (run.status, run.error_type, run.error_path) == (Status.FAILED, "poison", "first")
        assert Probe.calls == []


async def test_a_death_between_claim_and_attempt_does_not_count_again(
    settings: Settings, clock: ManualClock
) -> None:
    deaths = (Kind.BEGIN, Kind.RESCUE, Kind.BEGIN, Kind.RESCUE, Kind.RESCUE)
    run_id = await leave_behind(settings, clock, *deaths)
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        assert (await driver.run(run_id)).status is Status.SUCCEEDED


async def test_a_pure_step_that_takes_its_worker_down_again_and_again_is_poison(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await leave_behind(settings, clock, Kind.RESCUE, kind="set")

    async def die(*_: object) -> None:
        raise KeyboardInterrupt  # the journal keeps what was on disk before

    monkeypatch.setattr(SetConnector, "execute", die)
    for _ in range(3):
        async with open_app(settings, clock=clock, worker=False) as app:
            await app.journal.rescue("me")
            (claimed,) = await app.journal.claim("dead", Room(1, 1))
            execution = await app.engine.execution(claimed)
            with pytest.raises(KeyboardInterrupt):
                await execution.drive()
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        assert (await driver.run(run_id)).error_type == "poison"


async def test_a_waiting_run_goes_on_after_a_downtime_once(
    settings: Settings, clock: ManualClock
) -> None:
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        delay = {"type": "delay", "config": {"seconds": 60}}
        run_id = await driver.start(await driver.define(delay, STEPS[0]))
        await driver.settle()
    clock.advance(86_400)
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.advance(0)
        await driver.advance(0)
        assert (await driver.run(run_id)).status is Status.SUCCEEDED
        assert len(Probe.calls) == 1


async def test_a_stopping_worker_gives_back_what_it_cannot_finish(
    settings: Settings, clock: ManualClock
) -> None:
    async with open_app(settings, clock=clock) as app:
        hanging = {**STEPS[0], "config": {"hang": True}}
        run_id = await Driver(app, clock).start(await Driver(app, clock).define(hanging))
        await Probe.started.wait()
    async with open_app(settings, clock=clock, worker=False) as app:
        events = await app.listings.events(run_id)
        assert events[-1].kind is Kind.RELEASE
        assert (await app.listings.run(run_id, "default")).status is Status.QUEUED


async def test_a_run_that_the_worker_does_not_know_is_found(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = await driver.define(STEPS[0])
    trigger = {"id": "manual", "type": "manual", "body": None, "headers": {}, "query": {}}
    worker = driver.app.worker
    assert worker is not None
    new = NewRun("default", workflow_id, 1, trigger)
    started = await driver.app.journal.start(new, worker=worker.name)
    rescuer = Rescuer(driver.app.journal, ALONE, worker)
    assert await rescuer.compare() == 0
    assert await rescuer.compare() == 0, "its claim may just be under way"
    monkeypatch.setattr("minizaps.worker.rescuer.ORPHANED", 0.0)
    assert await rescuer.compare() == 1
    await driver.settle()
    assert (await driver.run(started.run_id)).status is Status.SUCCEEDED


async def nothing() -> int:
    return 0


async def test_a_run_that_was_taken_away_is_dropped(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = {**STEPS[0], "config": {"hang": True}}
    run_id = await driver.start(await driver.define(hanging))
    await Probe.started.wait()
    assert driver.app.worker is not None
    monkeypatch.setattr(driver.app.worker, "run_once", nothing)  # it does not take the run again
    await driver.app.journal.adopt([(run_id, 1)])
    rescuer = Rescuer(driver.app.journal, ALONE, driver.app.worker)
    await rescuer.compare()
    assert set(driver.app.worker.leases) == {run_id}  # it may be about to put the run down itself
    await rescuer.compare()
    await driver.app.worker.settle()
    with pytest.raises(LeaseLost):
        await driver.app.journal.append(run_id, 1, 3, [Change(Kind.SUCCEED, 1, data={})])


async def test_a_second_worker_on_the_same_file_is_refused(
    tmp_path: Path, clock: ManualClock
) -> None:
    settings = Settings(data_dir=tmp_path)
    async with open_app(settings, clock=clock):
        with pytest.raises(WorkerLocked, match="another Mini-Zaps worker"):
            async with open_app(settings, clock=clock):
                pass
        async with open_app(settings, clock=clock, worker=False):
            pass


async def test_a_run_whose_connector_is_gone_waits_for_a_person(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = await driver.define({"type": "delay", "config": {"seconds": 5}}, STEPS[0])
    run_id = await driver.start(workflow_id)
    await driver.settle()
    monkeypatch.delitem(WorkflowEngine.CONNECTOR_MAP, "probe")
    driver.app.engine.__init__(  # type: ignore[misc]
        driver.app.journal, driver.app.signals, driver.app.catalog, driver.app.engine._tools
    )
    await driver.advance(5)
    run = await driver.run(run_id)
    assert (run.status, run.error_type, run.dead_letter) == (Status.FAILED, "definition", "open")


@pytest.mark.parametrize("method", ["unread", "callbacks", "post"])
async def test_an_outage_while_signals_are_looked_at_cuts_no_attempt(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("minizaps.engine.record.UNAVAILABLE_PAUSE", 0.01)
    real, outages = getattr(Signals, method), [1, 2]

    async def cut(self: Signals, *given: Any, **keys: Any) -> Any:
        if outages:
            outages.pop()
            raise JournalUnavailable("away for a moment")
        return await real(self, *given, **keys)

    monkeypatch.setattr(Signals, method, cut)
    wait = {"id": "w", "type": "wait", "config": {"timeout": 1}, "on_error": "continue"}
    once = {"id": "x", "type": "once", "config": {"hang": True}}
    branches = [{"id": "a", "steps": [once]}, {"id": "b", "steps": [wait]}]
    block = {"id": "par", "type": "parallel", "branches": branches}
    run_id = await driver.start(await driver.define(block))
    async with asyncio.timeout(20):
        await Probe.started.wait()
        while outages or "catch" not in [e.kind for e in await driver.events(run_id)]:
            driver.clock.advance(0.1)
            await asyncio.sleep(0.01)
    assert (await driver.run(run_id)).status is Status.RUNNING
    assert len(Probe.calls) == 1
    await driver.app.journal.cancel(run_id, "default", "test")


async def test_on_failure_runs_once_when_two_attempts_were_cut(
    settings: Settings, clock: ManualClock
) -> None:
    once = {"type": "once", "config": {"hang": True}}
    branches = [{"id": name, "steps": [{**once, "id": f"x_{name}"}]} for name in "ab"]
    async with open_app(settings, clock=clock, worker=False) as app:
        driver = Driver(app, clock)
        run_id = await driver.start(
            await driver.define(
                {"id": "par", "type": "parallel", "branches": branches},
                on_failure=[{**STEPS[0], "id": "tell"}],
            )
        )
        (claimed,) = await app.journal.claim("dead", Room(1, 1))
        driving = asyncio.create_task((await app.engine.execution(claimed)).drive())
        while len(Probe.calls) < 2:
            await asyncio.sleep(0.001)
        driving.cancel()
        await asyncio.wait([driving])
    Probe.calls.clear()
    async with open_app(settings, clock=clock) as app:
        driver = Driver(app, clock)
        await driver.settle()
        assert (await driver.run(run_id)).error_type == "outcome_unknown"
        assert [call.path for call in Probe.calls] == ["on_failure.tell"]
