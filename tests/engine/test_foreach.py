"""`foreach`: the steps once for each item, some items beside each other."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.app import open_app
from minizaps.clock import ManualClock
from minizaps.journal.claims import Room
from minizaps.journal.status import Status
from minizaps.settings import Settings
from tests.engine.conftest import Driver, Probe
from tests.engine.support import foreach, output, probe, values


@pytest.mark.parametrize("concurrency", [1, 3, 100])
async def test_results_are_in_the_items_order(driver: Driver, concurrency: int) -> None:
    run = await driver.execute(
        foreach("{{ trigger.body }}", values(n="{{ item * 10 + index }}"), concurrency=concurrency),
        values("last", all="{{ steps.each | map('n') }}"),
        body=[5, 3, 4],
    )
    assert await output(driver, run.id) == {"all": [50, 31, 42]}


async def test_results_are_in_the_items_order_whatever_the_order_of_their_ends(
    driver: Driver,
) -> None:
    steps = [probe(fail="{{ 1 if item == 'slow' else 0 }}", output={"name": "{{ item }}"})]
    run = await driver.execute(foreach(["slow", "quick"], *steps, concurrency=2))
    assert run.status is Status.WAITING
    assert [call.path for call in Probe.calls] == ["each[0].p", "each[1].p"]
    await driver.advance(11)
    assert await output(driver, run.id) == [{"name": "slow"}, {"name": "quick"}]


async def test_no_items_give_an_empty_list(driver: Driver) -> None:
    run = await driver.execute(foreach([], probe()), values("n", n="{{ steps.each | length }}"))
    assert await output(driver, run.id) == {"n": 0}


async def test_an_empty_list_at_the_end_is_the_runs_output(driver: Driver) -> None:
    run = await driver.execute(foreach([], probe()))
    assert await output(driver, run.id) == []


async def test_items_that_are_no_list_fail_the_step(driver: Driver) -> None:
    run = await driver.execute(foreach("{{ trigger.body }}", probe()), body={"a": 1})
    assert (run.status, run.error_type, run.error_path) == (Status.FAILED, "config", "each")


async def test_an_items_data_is_its_own(driver: Driver) -> None:
    run = await driver.execute(
        values("before", n=0),
        foreach(
            [1, 2],
            values("first", n="{{ n + item }}"),
            values("second", seen="{{ steps.first.n }}", before="{{ steps.before.n }}"),
            concurrency=2,
        ),
        values("after", n="{{ n }}", all="{{ steps.each | map('seen') }}"),
    )
    assert await output(driver, run.id) == {"n": 0, "all": [1, 2]}


async def test_as_many_items_as_allowed_are_under_way(driver: Driver) -> None:
    run_id = await driver.start(
        await driver.define(foreach([1, 2, 3, 4], probe(hang=True), concurrency=2))
    )
    while len(Probe.calls) < 2:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert [call.path for call in Probe.calls] == ["each[0].p", "each[1].p"]
    assert {c.idempotency_key for c in Probe.calls} == {
        f"{run_id}:each[0].p",
        f"{run_id}:each[1].p",
    }
    await driver.app.journal.cancel(run_id, "default", "ada")
    await driver.settle()
    assert (await driver.steps(run_id))["each[1].p"].attempts[0].status == "cancelled"


async def test_the_first_failing_item_ends_the_others(driver: Driver) -> None:
    hang = "{{ item == 'hang' }}"
    fail = "{{ 9 if item == 'bad' else 0 }}"
    steps = [probe(hang=hang, fail=fail, retryable=False)]
    run = await driver.execute(foreach(["hang", "bad", "never"], *steps, concurrency=2))
    assert (run.status, run.error_path) == (Status.FAILED, "each[1].p")
    assert [call.path for call in Probe.calls] == ["each[0].p", "each[1].p"]
    found = await driver.steps(run.id)
    assert found["each[1].p"].attempts[0].status == "failed"
    assert found["each[0].p"].attempts[0].status == "interrupted"


async def test_a_failing_item_is_a_result_where_the_others_are_to_go_on(driver: Driver) -> None:
    steps = [probe(fail="{{ 9 if item == 2 else 0 }}", retryable=False, output={"n": "{{ item }}"})]
    block = foreach([1, 2, 3], *steps, on_item_error="continue")
    run = await driver.execute(block)
    first, second, third = await output(driver, run.id)
    assert (first, third) == ({"n": 1}, {"n": 3})
    assert (second["error"]["type"], second["error"]["step"]) == ("probe_down", "each[1].p")
    assert (await driver.steps(run.id))["each[1].p"].status == "failed"


async def test_on_error_of_the_block_catches_what_an_item_throws(driver: Driver) -> None:
    block = foreach(
        [1, 2],
        probe(fail=9, retryable=False),
        on_error={"steps": [values("sorry", where="{{ error.step }}")]},
    )
    run = await driver.execute(block, values("last", where="{{ steps.sorry.where }}"))
    assert await output(driver, run.id) == {"where": "each[0].p"}
    assert (await driver.steps(run.id))["each"].status == "caught"


async def test_blocks_nest(driver: Driver) -> None:
    inner = {**foreach("{{ item }}", values("leaf", x="{{ item + index }}")), "id": "inner"}
    run = await driver.execute(
        foreach("{{ trigger.body }}", inner, concurrency=2), body=[[1, 2], [], [3]]
    )
    assert await output(driver, run.id) == [[{"x": 1}, {"x": 3}], [], [{"x": 3}]]


async def test_an_item_that_waits_holds_up_no_other(driver: Driver) -> None:
    delay = {"id": "pause", "type": "delay", "config": {"seconds": "{{ item }}"}}
    run = await driver.execute(foreach([60, 5, 30], delay, probe(output={}), concurrency=3))
    for seconds, done in ((5, ["each[1].p"]), (25, ["each[2].p"]), (30, ["each[0].p"])):
        assert run.status is Status.WAITING
        Probe.calls.clear()
        await driver.advance(seconds)
        assert [call.path for call in Probe.calls] == done
        run = await driver.run(run.id)
    assert run.status is Status.SUCCEEDED


async def test_a_crash_in_the_middle_repeats_no_finished_item(
    settings: Settings, clock: ManualClock
) -> None:
    async with open_app(settings, clock=clock, worker=False) as app:
        driver = Driver(app, clock)
        hang = "{{ item == 'cut' }}"
        block = foreach(["a", "b", "cut", "d"], probe(hang=hang, output={}), concurrency=2)
        run_id = await driver.start(await driver.define(block))
        (claimed,) = await app.journal.claim("dead", Room(10, 10))
        execution = await app.engine.execution(claimed)
        driving = asyncio.create_task(execution.drive())
        while [c.path for c in Probe.calls].count("each[3].p") == 0:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)  # the ends of the others are on disk while the third hangs
        execution._record.write = no_write  # type: ignore[method-assign]
        driving.cancel()
        await asyncio.wait([driving])
    Probe.calls.clear()
    async with open_app(settings.model_copy(update={"max_events": 200}), clock=clock) as app:
        driver = Driver(app, clock)
        await app.journal.rescue("somebody")
        Probe.started.clear()
        while not Probe.calls:
            await app.worker.run_once()
            await asyncio.sleep(0.001)
        assert [call.path for call in Probe.calls] == ["each[2].p"]
        assert (Probe.calls[0].attempt, Probe.calls[0].idempotency_key) == (
            2,
            f"{run_id}:each[2].p",
        )
        await app.journal.cancel(run_id, "default", "test")


async def no_write() -> None:
    """The process is gone."""


async def test_ten_thousand_items_are_no_trouble(settings: Settings, clock: ManualClock) -> None:
    async with open_app(settings.model_copy(update={"max_events": 50_000}), clock=clock) as app:
        driver = Driver(app, clock)
        last = values("last", n="{{ steps.each | length }}", last="{{ steps.each[9999].n }}")
        block = foreach("{{ trigger.body }}", values(n="{{ item * 2 }}"), concurrency=50)
        run = await driver.execute(block, last, body=list(range(10_000)))
        assert await output(driver, run.id) == {"n": 10_000, "last": 19_998}
        assert len(await driver.events(run.id)) == 10_000 + 6


async def test_one_item_more_is_refused(driver: Driver) -> None:
    run = await driver.execute(foreach("{{ trigger.body }}", probe()), body=[0] * 10_001)
    assert (run.error_type, run.error_path) == ("config", "each")
