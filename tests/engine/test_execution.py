"""How runs are driven: order, data, retries, errors, waits, limits."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.journal.status import Kind, Status
from tests.engine.conftest import Driver, Probe

RETRY = {"max_attempts": 3, "delay": 10, "backoff": 2, "jitter": False}


def step(kind: str = "probe", /, **fields: object) -> dict[str, object]:
    engine_keys = {"id", "if", "retry", "timeout", "on_error"}
    config = {k: v for k, v in fields.items() if k not in engine_keys}
    return {"type": kind, "config": config, **{k: fields[k] for k in engine_keys & set(fields)}}


def values(**named: object) -> dict[str, object]:
    return {"type": "set", "config": {"values": named}}


async def test_each_output_is_there_for_the_next_step(driver: Driver) -> None:
    run = await driver.execute(
        values(a="{{ trigger.body.n + 1 }}"),
        values(b="{{ a * 2 }}", a=0),
        values(c="{{ [a, b, steps.set_1.a] }}"),
        body={"n": 1},
    )
    assert run.status is Status.SUCCEEDED
    assert (await driver.last(run.id))["output"] == {"c": [0, 4, 2]}


async def test_a_key_like_a_reserved_root_stays_under_its_step(driver: Driver) -> None:
    run = await driver.execute(
        step(id="odd", output={"trigger": "mine", "$now": "never"}),
        values(seen="{{ [trigger.body, steps.odd.trigger] }}"),
        body=7,
    )
    assert (await driver.last(run.id))["output"] == {"seen": [7, "mine"]}


async def test_steps_whose_if_is_false_are_skipped(driver: Driver) -> None:
    run = await driver.execute(
        {**values(x=1), "if": "{{ trigger.body > 5 }}"},
        {**values(x=2), "if": False},
        values(y="{{ steps.set_1.x | default('none') }}"),
        body=1,
    )
    kinds = [e.kind for e in await driver.events(run.id)]
    assert kinds.count(Kind.SKIP) == 2
    assert (await driver.last(run.id))["output"] == {"y": "none"}


async def test_an_if_that_is_no_boolean_fails_the_run_with_a_reason(driver: Driver) -> None:
    run = await driver.execute({**values(x=1), "if": "{{ trigger.body }}"}, body="yes")
    assert run.error_type == "expression"


async def test_failed_attempts_are_retried_with_growing_waits(driver: Driver) -> None:
    run = await driver.execute(step(id="p", fail=2, retry=RETRY, output={"ok": True}))
    assert run.status is Status.WAITING
    assert run.due_at == pytest.approx(driver.clock.now() + 10_000, abs=2)
    await driver.advance(9.9)
    assert len(Probe.calls) == 1
    await driver.advance(0.2)
    assert len(Probe.calls) == 2
    view = (await driver.steps(run.id))["p"]
    assert (view.status, view.max_attempts, len(view.attempts)) == ("retrying", 3, 2)
    assert view.next_at == pytest.approx(driver.clock.now() + 20_000, abs=2)
    await driver.advance(20.1)
    assert (await driver.run(run.id)).status is Status.SUCCEEDED
    assert [c.attempt for c in Probe.calls] == [1, 2, 3]
    assert len({c.idempotency_key for c in Probe.calls}) == 1


async def test_after_the_last_attempt_the_run_is_a_dead_letter(driver: Driver) -> None:
    run = await driver.execute(step(id="p", fail=9, retry=RETRY))
    for _ in range(2):
        await driver.advance(60)
    run = await driver.run(run.id)
    assert (run.status, run.error_type, run.error_path) == (Status.FAILED, "probe_down", "p")
    assert run.dead_letter == "open"
    failure = await driver.last(run.id)
    assert failure["error"]["attempt"] == 3
    assert failure["input"]["fail"] == 9


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"retryable": False}, "down"),
        ({"retry_after": 99_999_999}, "over a day"),
    ],
)
async def test_what_will_not_help_is_not_tried_again(
    driver: Driver, fields: dict[str, object], reason: str
) -> None:
    run = await driver.execute(step(fail=9, retry=RETRY, **fields))
    assert run.status is Status.FAILED
    assert reason in (await driver.last(run.id))["error"]["message"]
    assert len(Probe.calls) == 1


async def test_the_other_sides_wish_to_wait_is_honoured(driver: Driver) -> None:
    run = await driver.execute(step(fail=1, retry_after=300, retry=RETRY))
    assert run.due_at == pytest.approx(driver.clock.now() + 300_000, abs=2)


async def test_a_caught_error_runs_its_steps_and_goes_on(driver: Driver) -> None:
    handler = {"id": "note", **values(why="{{ error.type }} at {{ error.step }}")}
    run = await driver.execute(
        step(id="p", fail=9, retryable=False, on_error={"steps": [handler]}),
        step(id="q", fail=9, retryable=False, on_error="continue"),
        values(
            end="{{ why }}", left="{{ steps.q.error.message }}", right="{{ steps.p.error.type }}"
        ),
    )
    assert run.status is Status.SUCCEEDED
    output = (await driver.last(run.id))["output"]
    assert output == {"end": "probe_down at p", "left": "down", "right": "probe_down"}
    assert (await driver.steps(run.id))["p.note"].status == "succeeded"


async def test_a_handler_that_fails_fails_the_run(driver: Driver) -> None:
    bad = step(id="bad", fail=9, retryable=False)
    run = await driver.execute(
        step(id="p", fail=9, retryable=False, on_error={"steps": [bad]}), values(x=1)
    )
    assert (run.status, run.error_path) == (Status.FAILED, "p.bad")


async def test_a_delay_takes_no_worker_and_is_never_early(driver: Driver) -> None:
    run = await driver.execute(step("delay", seconds=3600), values(done=True))
    assert run.status is Status.WAITING
    assert not driver.app.worker.leases  # type: ignore[union-attr]
    await driver.advance(3599.9)
    assert (await driver.run(run.id)).status is Status.WAITING
    await driver.advance(0.1)
    assert (await driver.run(run.id)).status is Status.SUCCEEDED


async def test_a_hanging_attempt_ends_at_its_timeout(driver: Driver) -> None:
    run = await driver.execute(step(hang=True, timeout=0.05, retry={"max_attempts": 1}))
    assert (run.status, run.error_type) == (Status.FAILED, "timeout")


async def test_a_run_that_waits_past_its_timeout_fails(driver: Driver) -> None:
    run = await driver.execute(step("delay", seconds=3600), timeout=60)
    await driver.advance(59)
    assert (await driver.run(run.id)).status is Status.WAITING
    await driver.advance(1)
    run = await driver.run(run.id)
    assert (run.status, run.error_type) == (Status.FAILED, "run_timeout")


async def test_no_retry_is_waited_for_past_the_runs_timeout(driver: Driver) -> None:
    run = await driver.execute(step(fail=9, retry={**RETRY, "delay": 600}), timeout=60)
    assert run.status is Status.FAILED
    assert "after the run's timeout" in (await driver.last(run.id))["error"]["message"]


async def test_a_run_is_cancelled_in_the_middle_of_an_attempt(driver: Driver) -> None:
    run_id = await driver.start(await driver.define(step(id="p", hang=True), values(x=1)))
    await asyncio.wait_for(Probe.started.wait(), 5)
    await driver.app.journal.cancel(run_id, "default", "ada")
    await asyncio.wait_for(driver.settle(), 5)
    assert (await driver.run(run_id)).status is Status.CANCELLED
    assert (await driver.events(run_id))[-1].data == {"by": "ada"}
    assert (await driver.steps(run_id))["p"].attempts[0].status == "cancelled"


async def test_a_run_ends_at_its_most_events(driver: Driver) -> None:
    run = await driver.execute(*[values(x=n) for n in range(120)])
    assert (run.status, run.error_type) == (Status.FAILED, "too_many_events")
    assert len(await driver.events(run.id)) <= 100


async def test_a_failing_config_says_what_does_not_fit(driver: Driver) -> None:
    run = await driver.execute(step(fail="{{ trigger.body }}"), body="many")
    assert run.error_type == "config"
    assert "/config/fail" in (await driver.last(run.id))["error"]["message"]


@pytest.mark.parametrize("steps", [98, 99, 100])
async def test_a_run_leaves_its_worker_once_whatever_it_has_written_before(
    driver: Driver, caplog: pytest.LogCaptureFixture, steps: int
) -> None:
    driver.app.engine._max_events = 1000
    run = await driver.execute(*({"type": "set", "config": {"values": {}}} for _ in range(steps)))
    assert run.status is Status.SUCCEEDED
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
