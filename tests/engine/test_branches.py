"""`parallel` and `switch`: branches beside each other, one of several cases."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.journal.status import Status
from tests.engine.conftest import Driver, Probe
from tests.engine.support import delay, failure, foreach, output, parallel, probe, values


async def test_all_branches_end_and_their_steps_are_known_afterwards(driver: Driver) -> None:
    run = await driver.execute(
        values("start", n=1),
        parallel(
            left=[values("a", n="{{ n + 1 }}"), values("b", n="{{ n + 1 }}")],
            right=[values("c", n="{{ n + 10 }}")],
        ),
        values(
            "last",
            left="{{ left.n }}",
            right="{{ steps.par.right.n }}",
            inner="{{ steps.a.n }}",
            own="{{ n }}",
        ),
    )
    assert await output(driver, run.id) == {"left": 3, "right": 11, "inner": 2, "own": 1}


async def test_a_branch_that_waits_holds_up_no_other(driver: Driver) -> None:
    run = await driver.execute(
        parallel(left=[delay(60), probe("a", output={})], right=[delay(5, "short"), probe("b")]),
        probe("last"),
    )
    await driver.advance(5)
    assert [call.path for call in Probe.calls] == ["par[right].b"]
    assert (await driver.run(run.id)).status is Status.WAITING
    await driver.advance(55)
    assert [call.path for call in Probe.calls] == ["par[right].b", "par[left].a", "last"]


async def test_the_first_failing_branch_ends_the_others(driver: Driver) -> None:
    bad = probe("bad", fail=9, retryable=False)
    run = await driver.execute(parallel(left=[probe("slow", hang=True)], right=[bad]))
    assert (run.status, run.error_path) == (Status.FAILED, "par[right].bad")
    found = await driver.steps(run.id)
    assert found["par[right].bad"].status == "failed"


async def test_a_waiting_branch_ends_with_the_first_that_fails(driver: Driver) -> None:
    bad = [delay(5, "short"), probe("bad", fail=9, retryable=False)]
    block = {**parallel(left=[delay(3600)], right=bad), "on_error": "continue"}
    run = await driver.execute(block, values("last", why="{{ steps.par.error.type }}"))
    await driver.advance(5)
    assert await output(driver, run.id) == {"why": "probe_down"}
    assert (await driver.steps(run.id))["par[left].pause"].status == "cancelled"


async def test_branches_go_on_where_they_are_told_to(driver: Driver) -> None:
    block = parallel(left=[probe("bad", fail=9, retryable=False)], right=[values("ok", n=1)])
    run = await driver.execute({**block, "config": {"on_branch_error": "continue"}})
    result = await output(driver, run.id)
    assert result["right"] == {"n": 1}
    assert result["left"]["error"]["step"] == "par[left].bad"


def switch(**keys: Any) -> dict[str, Any]:
    cases = [
        {"if": "{{ trigger.body > 100 }}", "steps": [values("big", size="big")]},
        {"if": "{{ trigger.body > 10 }}", "steps": [values("middle", size="middle")]},
    ]
    return {"id": "choose", "type": "switch", "cases": cases, **keys}


@pytest.mark.parametrize(("number", "size"), [(500, "big"), (50, "middle"), (5, "small")])
async def test_the_first_case_that_holds_is_run(driver: Driver, number: int, size: str) -> None:
    block = switch(default=[values("small", size="small")])
    run = await driver.execute(block, values("last", size="{{ size }}"), body=number)
    assert await output(driver, run.id) == {"size": size}


async def test_no_case_and_no_default_is_no_error(driver: Driver) -> None:
    last = values("last", none="{{ steps.choose is none }}", big="{{ steps.big is defined }}")
    run = await driver.execute(switch(), last, body=5)
    assert await output(driver, run.id) == {"none": True, "big": False}


async def test_a_condition_that_cannot_be_computed_fails_the_switch(driver: Driver) -> None:
    run = await driver.execute(switch(), body="many")
    assert (run.error_type, run.error_path) == ("expression", "choose")


async def test_a_case_is_chosen_once_whatever_happens_afterwards(driver: Driver) -> None:
    case = {"if": "{{ n == 1 }}", "steps": [values("a", n=2), delay(60), probe("last")]}
    block = {"id": "choose", "type": "switch", "cases": [case], "default": [probe("never")]}
    run = await driver.execute(values("start", n=1), block)
    await driver.advance(60)
    assert (await driver.run(run.id)).status is Status.SUCCEEDED
    assert [call.path for call in Probe.calls] == ["choose[0].last"]


async def test_on_failure_runs_with_the_error_and_the_run_fails_all_the_same(
    driver: Driver,
) -> None:
    run = await driver.execute(
        values("first", n=1),
        probe("bad", fail=9, retryable=False),
        on_failure=[probe("tell", output={"why": "{{ error.type }}", "n": "{{ n }}"})],
    )
    assert (run.status, run.error_path, run.dead_letter) == (Status.FAILED, "bad", "open")
    assert [call.path for call in Probe.calls] == ["bad", "on_failure.tell"]
    told = (await driver.steps(run.id))["on_failure.tell"].attempts[0]
    assert told.output == {"why": "probe_down", "n": 1}


async def test_on_failure_may_wait_and_retry(driver: Driver) -> None:
    run = await driver.execute(
        probe("bad", fail=9, retryable=False),
        on_failure=[delay(60), probe("tell", fail=1)],
        timeout=30,
    )
    assert run.status is Status.WAITING
    await driver.advance(60)
    await driver.advance(11)
    assert (await failure(driver, run.id))["step"] == "bad"
    assert [call.path for call in Probe.calls] == ["bad", *["on_failure.tell"] * 2]


async def test_a_failing_on_failure_is_told_beside_the_first_error(driver: Driver) -> None:
    run = await driver.execute(
        probe("bad", fail=9, retryable=False),
        on_failure=[probe("tell", fail=9, retryable=False)],
    )
    error = await failure(driver, run.id)
    assert (error["step"], error["on_failure"]["step"]) == ("bad", "on_failure.tell")


async def test_on_failure_runs_when_the_runs_time_is_over(driver: Driver) -> None:
    run = await driver.execute(
        foreach([1, 2], delay(600), concurrency=2), timeout=60, on_failure=[probe("tell")]
    )
    await driver.advance(60)
    assert (await failure(driver, run.id))["type"] == "run_timeout"
    assert [call.path for call in Probe.calls] == ["on_failure.tell"]


async def test_on_failure_runs_when_the_run_has_as_many_events_as_it_may(driver: Driver) -> None:
    run = await driver.execute(
        foreach(list(range(120)), values(n=1)), on_failure=[probe("tell"), values("last", n=1)]
    )
    assert (await failure(driver, run.id))["type"] == "too_many_events"
    assert [call.path for call in Probe.calls] == ["on_failure.tell"]
