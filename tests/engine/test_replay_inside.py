"""Replays from steps inside blocks, and with outputs that are given."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps import WorkflowEngine
from minizaps.engine.replay import around, results_before
from minizaps.errors import InvalidInput
from minizaps.journal.records import Run
from minizaps.journal.status import Status
from tests.engine.conftest import Driver, Probe
from tests.engine.support import foreach, output, parallel, probe, values


async def replay(driver: Driver, run: Run, origin: str, body: Any = None, **pins: Any) -> Run:
    events = await driver.events(run.id)
    plan = await driver.app.engine.plan(run.workflow_id, run.version)
    results = results_before(origin, plan, run, plan, events, pins.get("pins"))
    trigger = {**events[0].data["trigger"], "body": body}
    new = await driver.app.engine.prepare(
        "default", run.workflow_id, 1, trigger, replay_of=run.id, results=results
    )
    Probe.calls.clear()
    run_id = (await driver.app.start(new)).run_id
    await driver.settle()
    return await driver.run(run_id)


def called() -> list[str]:
    return [call.path for call in Probe.calls]


BAD = "{{ 9 if item == trigger.body else 0 }}"


def items(*more: dict[str, Any], **keys: Any) -> dict[str, Any]:
    bad = probe("p", fail=BAD, retryable=False, output={"n": "{{ item }}"})
    return foreach(["a", "b", "c"], probe("first", output={}), bad, *more, **keys)


async def test_a_failed_item_is_replayed_and_finished_ones_are_not(driver: Driver) -> None:
    last = values("last", all="{{ steps.each | map('n') }}")
    run = await driver.execute(items(), last, body="b")
    assert run.error_path == "each[1].p"
    again = await replay(driver, run, "failed")
    assert called() == ["each[1].p", "each[2].first", "each[2].p"]
    assert await output(driver, again.id) == {"all": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("origin", "paths"),
    [
        ("each[1].p", ["each[1].p"]),
        ("each[1].first", ["each[1].first", "each[1].p"]),
        ("last", ["last"]),
        ("each", [f"each[{n}].{step}" for n in range(3) for step in ("first", "p")] + ["last"]),
    ],
)
async def test_a_replay_from_inside_keeps_what_is_before_and_beside(
    driver: Driver, origin: str, paths: list[str]
) -> None:
    run = await driver.execute(
        items(), probe("last", output={"all": "{{ steps.each | map('n') }}"})
    )
    again = await replay(driver, run, origin)
    assert called() == (paths if paths[-1] == "last" else [*paths, "last"])
    assert await output(driver, again.id) == {"all": ["a", "b", "c"]}


async def test_a_branch_is_replayed_beside_the_others_results(driver: Driver) -> None:
    bad = probe("bad", fail="{{ trigger.body or 0 }}", retryable=False, output={"n": 2})
    block = parallel(left=[probe("a", output={"n": 1}), bad], right=[probe("c", output={"n": 3})])
    last = values("last", left="{{ left.n }}", right="{{ right.n }}", c="{{ steps.c.n }}")
    run = await driver.execute({**block, "config": {"on_branch_error": "continue"}}, last, body=9)
    assert run.status is Status.FAILED, "left has no n"
    again = await replay(driver, run, "par[left].bad")
    assert called() == ["par[left].bad"]
    assert await output(driver, again.id) == {"left": 2, "right": 3, "c": 3}


async def test_what_steps_inside_a_taken_over_block_gave_is_still_known(driver: Driver) -> None:
    case = {"if": "{{ true }}", "steps": [values("inner", deep=1)]}
    broken = probe("broken", fail=9, retryable=False)
    handled = {**broken, "on_error": {"steps": [values("handler", saved=2)]}}
    last = probe("last", output={"n": "{{ deep + steps.inner.deep + steps.handler.saved }}"})
    run = await driver.execute({"id": "choose", "type": "switch", "cases": [case]}, handled, last)
    again = await replay(driver, run, "last")
    assert called() == ["last"]
    assert await output(driver, again.id) == {"n": 4}


async def test_a_replay_from_a_handler_runs_it_and_not_the_step_that_failed(
    driver: Driver,
) -> None:
    broken = probe("broken", fail=9, retryable=False)
    handled = {**broken, "on_error": {"steps": [probe("one"), probe("two")]}}
    run = await driver.execute(handled, probe("last"))
    await replay(driver, run, "broken.two")
    assert called() == ["broken.two", "last"]


async def test_pinned_steps_do_not_run(driver: Driver) -> None:
    run = await driver.execute(items(), probe("last", output={"all": "{{ steps.each }}"}))
    pins = {"each[1]": 1}
    with pytest.raises(InvalidInput, match="has no step"):
        await replay(driver, run, "start", pins=pins)
    pins = {"each": [{"n": "pinned"}]}
    again = await replay(driver, run, "start", pins=pins)
    assert called() == ["last"]
    assert await output(driver, again.id) == {"all": [{"n": "pinned"}]}
    again = await replay(driver, run, "each[0].first", pins={"each[0].p": {"n": "given"}})
    assert called() == ["each[0].first", "last"]
    assert (await output(driver, again.id))["all"][0] == {"n": "given"}


async def test_a_replay_of_a_replay_keeps_the_items(driver: Driver) -> None:
    run = await driver.execute(items(), body="b")
    second = await replay(driver, run, "failed", body="c")
    assert second.error_path == "each[2].p"
    third = await replay(driver, second, "failed")
    assert called() == ["each[2].p"]
    assert [r["n"] for r in await output(driver, third.id)] == ["a", "b", "c"]


def test_what_is_around_a_step() -> None:
    assert around("each[3].book.alarm") == ["each", "each[3]", "each[3].book"]
    assert around("each[3]") == ["each"]
    assert around("order") == []


async def test_on_failure_runs_again_when_the_replay_fails(driver: Driver) -> None:
    run = await driver.execute(
        probe("bad", fail=9, retryable=False), on_failure=[probe("tell", output={})]
    )
    again = await replay(driver, run, "failed")
    assert again.status is Status.FAILED
    assert called() == ["bad", "on_failure.tell"]
    with pytest.raises(InvalidInput, match="run again by themselves"):
        await replay(driver, run, "on_failure.tell")


async def test_an_item_or_a_case_that_the_run_did_not_have_is_refused(driver: Driver) -> None:
    cases = [{"if": "{{ true }}", "steps": [probe("a")]}, {"if": True, "steps": [probe("b")]}]
    choose = {"id": "choose", "type": "switch", "cases": cases}
    run = await driver.execute(items(), choose)
    with pytest.raises(InvalidInput, match="each had 3 items"):
        await replay(driver, run, "each[3].p")
    with pytest.raises(InvalidInput, match="choose ran the case 0"):
        await replay(driver, run, "choose[1].b")


async def test_a_pin_inside_a_finished_item_counts(driver: Driver) -> None:
    run = await driver.execute(items(), probe("last", output={"all": "{{ steps.each }}"}))
    again = await replay(driver, run, "last", pins={"each[1].p": {"n": "given"}})
    assert called() == ["last"]
    assert [item["n"] for item in (await output(driver, again.id))["all"]] == ["a", "given", "c"]


BROKEN = probe("broken", fail=9, retryable=False)
KNOWN = values("known", n=1)


@pytest.mark.parametrize(
    ("before", "after", "runs"),
    [
        ([KNOWN, BROKEN], [probe("broken")], ["broken"]),
        ([KNOWN, BROKEN], [parallel(left=[KNOWN], right=[probe("new")]), probe("broken")],
         ["par[right].new", "broken"]),
        ([parallel(left=[probe("a")], right=[probe("b")]), BROKEN],
         [parallel(left=[probe("a")], up=[probe("b")]), probe("broken")], ["broken"]),
        ([foreach([1, 2], probe("p")), BROKEN], [values("each", n=1), probe("broken")], ["broken"]),
        ([values("each", n=1), BROKEN], [foreach([1], probe("p")), probe("broken")],
         ["each[0].p", "broken"]),
    ],
    ids=["a step is gone", "a step is inside a block", "a branch has another name",
         "a block is a step", "a step is a block"],
)  # fmt: skip
async def test_a_replay_goes_on_another_version(
    driver: Driver, before: list[Any], after: list[Any], runs: list[str]
) -> None:
    run = await driver.execute(*before)
    assert run.error_path == "broken"
    changed = WorkflowEngine.check({"name": "test", "steps": after})
    await driver.app.catalog.revise(run.workflow_id, "default", changed, expected=1, by="test")
    events = await driver.events(run.id)
    old, new = [await driver.app.engine.plan(run.workflow_id, n) for n in (1, 2)]
    results = results_before("failed", new, run, old, events)
    trigger = events[0].data["trigger"]
    prepared = await driver.app.engine.prepare(
        "default", run.workflow_id, 2, trigger, replay_of=run.id, results=results
    )
    Probe.calls.clear()
    run_id = (await driver.app.start(prepared)).run_id
    await driver.settle()
    assert (await driver.run(run_id)).status is Status.SUCCEEDED
    assert called() == runs
