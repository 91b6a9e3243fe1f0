"""The pure decisions: retries and replays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.definition.steps import RetryPolicy
from minizaps.engine.replay import results_before
from minizaps.engine.retry import decide_retry
from minizaps.errors import ConnectorError, InvalidInput
from minizaps.journal.status import Status
from tests.engine.conftest import Driver, Probe

DOWN = ConnectorError("down", retryable=True)
POLICY = RetryPolicy(max_attempts=5, delay=2, backoff=3, max_delay=30, jitter=True)


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 2), (2, 6), (3, 18), (4, 30), (5, None), (6, None)]
)
def test_waits_grow_up_to_the_longest_and_then_end(failures: int, longest: float | None) -> None:
    wait = decide_retry(DOWN, POLICY, failures, 0.999999)
    assert wait == (None if longest is None else pytest.approx(longest, rel=1e-5))


@given(st.integers(1, 4), st.floats(0, 1, exclude_max=True))
def test_full_jitter_draws_from_all_of_the_wait(failures: int, chance: float) -> None:
    wait = decide_retry(DOWN, POLICY, failures, chance)
    whole = decide_retry(DOWN, POLICY.model_copy(update={"jitter": False}), failures, chance)
    assert wait is not None
    assert whole is not None
    assert wait == pytest.approx(whole * chance)


def test_a_huge_number_of_failures_does_not_overflow() -> None:
    policy = POLICY.model_copy(update={"max_attempts": 10_000, "backoff": 10.0})
    assert decide_retry(DOWN, policy, 9_999, 0.5) == 15


def work(output: int, **fields: object) -> dict[str, object]:
    return {"type": "probe", "config": {"output": {"n": output}, **fields}}


async def test_a_replay_takes_over_the_results_before_its_step(driver: Driver) -> None:
    broken = work(3, fail=9, retryable=False)
    run = await driver.execute(work(1), {**broken, "on_error": "continue"}, work(2), broken)
    assert run.status is Status.FAILED
    Probe.calls.clear()
    for origin, paths in (
        ("failed", ["probe_4"]),
        ("probe_3", ["probe_3", "probe_4"]),
        ("start", ["probe_1", "probe_2", "probe_3", "probe_4"]),
    ):
        await replay(driver, run.id, origin)
        assert [call.path for call in Probe.calls] == paths
        Probe.calls.clear()


async def test_a_replay_from_a_step_that_is_not_there_says_what_is(driver: Driver) -> None:
    run = await driver.execute(work(1))
    with pytest.raises(InvalidInput, match="it has probe_1"):
        await replay(driver, run.id, "nope")
    with pytest.raises(InvalidInput, match="has not failed"):
        await replay(driver, run.id, "failed")


async def replay(driver: Driver, run_id: str, origin: str) -> None:
    run, events = await driver.run(run_id), await driver.events(run_id)
    plan = await driver.app.engine.plan(run.workflow_id, run.version)
    results = results_before(origin, plan, run, plan, events)
    trigger = events[0].data["trigger"]
    new = await driver.app.engine.prepare(
        "default", run.workflow_id, 1, trigger, replay_of=run_id, results=results
    )
    await driver.app.start(new)
    await driver.settle()
