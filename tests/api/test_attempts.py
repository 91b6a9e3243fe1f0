"""Attempts as people look at them: retries with their waits, timeouts, errors that are handled."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.clock import to_text
from tests.api.support import API, Server, Sink, call_step, definition, delay_step, set_step, until

EXACT = {"max_attempts": 5, "delay": 2, "backoff": 3, "max_delay": 15, "jitter": False}


async def test_steps_come_in_the_order_of_their_start_with_all_attempts(
    server: Server, sink: Sink
) -> None:
    run = await server.run(
        set_step("first", n=5),
        {**set_step("never"), "if": "{{ n > 9 }}"},
        call_step(sink.url, json={"n": "{{ n }}"}),
        delay_step(60),
        set_step("last", done=True),
    )
    page = (await server.admin.get(f"{API}/runs/{run['id']}/steps")).json()
    assert [(s["path"], s["type"], s["status"]) for s in page["items"]] == [
        ("first", "set", "succeeded"),
        ("never", "set", "skipped"),
        ("call", "webhook", "succeeded"),
        ("pause", "delay", "waiting"),
    ]
    steps = {s["path"]: s for s in page["items"]}
    (attempt,) = steps["call"]["attempts"]
    assert attempt["input"] == {"url": sink.url, "json": {"n": 5}}
    assert attempt["output"]["status"] == 200
    assert (attempt["number"], attempt["status"], attempt["error"]) == (1, "succeeded", None)
    assert steps["never"]["attempts"] == []
    assert steps["pause"]["next_at"] == run["wake_at"] == to_text(server.clock.now() + 60_000)
    assert sink.requests[0]["body"] == '{"n":5}'
    await server.advance(60)
    assert (await server.steps(run["id"]))["last"]["status"] == "succeeded"


async def test_each_retry_waits_longer_and_the_steps_tell_when_the_next_is_due(
    server: Server, sink: Sink
) -> None:
    sink.answer(503, count=4)
    run = await server.run(call_step(sink.url, retry=EXACT))
    waits = []
    for number in range(1, 5):
        step = (await server.steps(run["id"]))["call"]
        shown = await server.look(run["id"])
        assert (step["status"], step["max_attempts"], len(step["attempts"])) == (
            "retrying", 5, number,
        )  # fmt: skip
        assert step["attempts"][-1]["error"]["type"] == "http_status"
        assert shown["status"] == "waiting"
        assert shown["wake_at"] == step["next_at"]
        before = server.clock.now()
        await server.advance(1)
        assert len(sink.requests) == number
        while len(sink.requests) == number:
            await server.advance(1)
        waits.append((server.clock.now() - before) // 1000)
    assert waits == [3, 7, 16, 16]  # the first whole second after 2, 6, 15 (not 18), 15 (not 54)
    assert (await server.look(run["id"]))["status"] == "succeeded"
    step = (await server.steps(run["id"]))["call"]
    assert [(a["number"], a["status"]) for a in step["attempts"]] == [
        (1, "failed"), (2, "failed"), (3, "failed"), (4, "failed"), (5, "succeeded"),
    ]  # fmt: skip
    assert len({r["headers"]["Idempotency-Key"] for r in sink.requests}) == 1


async def test_after_the_last_attempt_the_run_is_a_dead_letter(server: Server, sink: Sink) -> None:
    sink.answer(500, count=9)
    run = await server.run(call_step(sink.url, retry={**EXACT, "max_attempts": 3}))
    await server.advance(10)
    await server.advance(10)
    ended = await server.look(run["id"])
    assert (ended["status"], ended["dead_letter"]) == ("failed", "open")
    assert ended["error_type"] == "http_status"
    assert ended["error"] == {
        **ended["error"], "step": "call", "attempt": 3, "retryable": True,
    }  # fmt: skip
    assert ended["error"]["details"]["status"] == 500
    assert len(sink.requests) == 3


async def test_jitter_draws_each_wait_from_nothing_to_its_length(
    server: Server, sink: Sink
) -> None:
    sink.answer(503, count=40)
    await server.save(definition(call_step(sink.url, retry={**EXACT, "jitter": True})))
    now = server.clock.now()
    for _ in range(20):
        await server.start()
    await server.settle()
    page = (await server.admin.get(f"{API}/runs", params={"status": "waiting"})).json()["items"]
    waits = {run["wake_at"] for run in page}
    assert len(waits) > 10
    assert to_text(now) <= min(waits)
    assert max(waits) <= str(to_text(now + 2001))


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 501])
async def test_only_what_may_pass_is_tried_again(server: Server, sink: Sink, status: int) -> None:
    sink.answer(status)
    run = await server.run(call_step(sink.url, retry=EXACT))
    assert run["status"] == ("waiting" if status >= 500 else "failed")


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("1", 2), ("30", 30), ("0", 2), ("86400", 86_400), ("soon", 2)]
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_the_least_wait(
    server: Server, sink: Sink, status: int, retry_after: str, seconds: int
) -> None:
    sink.answer(status, Retry_After=retry_after)
    run = await server.run(call_step(sink.url, retry=EXACT))
    assert run["wake_at"] == to_text(server.clock.now() + seconds * 1000 + 1)


async def test_a_retry_after_of_years_fails_the_run_and_says_so(server: Server, sink: Sink) -> None:
    sink.answer(429, Retry_After="99999999")
    run = await server.run(call_step(sink.url, retry=EXACT))
    assert run["status"] == "failed"
    assert "over a day" in run["error"]["message"]


async def test_a_retry_never_outlasts_the_run(server: Server, sink: Sink) -> None:
    sink.answer(503, count=9)
    run = await server.run(call_step(sink.url, retry=EXACT), timeout=1)
    assert run["status"] == "failed"
    assert "timeout" in run["error"]["message"]


async def test_a_step_that_takes_too_long_fails_its_attempt(server: Server, sink: Sink) -> None:
    sink.block()
    run = await server.run(call_step(sink.url, timeout=0.05))
    assert (run["status"], run["error_type"]) == ("failed", "timeout")
    assert "0.05 s" in run["error"]["message"]


async def test_a_run_that_takes_too_long_fails_wherever_it_waits(server: Server) -> None:
    run = await server.run(delay_step(3600), set_step("last"), timeout="PT10M")
    assert run["wake_at"] == to_text(server.clock.now() + 600_000)
    await server.advance(599)
    assert (await server.look(run["id"]))["status"] == "waiting"
    await server.advance(1)
    ended = await server.look(run["id"])
    assert (ended["status"], ended["error_type"]) == ("failed", "run_timeout")
    assert "last" not in await server.steps(run["id"])


async def test_a_runs_timeout_ends_an_attempt(server: Server, sink: Sink) -> None:
    sink.block()
    await server.save(definition(call_step(sink.url), timeout=0.1))
    run = await server.start()
    await until(lambda: bool(sink.requests))
    server.clock.advance(1)
    await server.settle()
    ended = await server.look(run["id"])
    assert ended["status"] == "failed"
    assert ended["error_type"] in ("timeout", "run_timeout")


FAILING: dict[str, Any] = {**set_step("bad", v="{{ trigger.body.none }}")}


async def test_on_error_continue_goes_on_and_shows_the_error(server: Server) -> None:
    run = await server.run(
        {**FAILING, "on_error": "continue"}, set_step("after", why="{{ steps.bad.error.type }}")
    )
    assert (run["status"], run["output"]) == ("succeeded", {"why": "expression"})
    step = (await server.steps(run["id"]))["bad"]
    assert (step["status"], step["attempts"][0]["status"]) == ("caught", "failed")
    assert run["dead_letter"] is None


async def test_on_error_steps_see_the_error_and_then_the_run_goes_on(server: Server) -> None:
    handler = set_step("note", said="{{ error.type }} at {{ error.step }}")
    run = await server.run(
        {**FAILING, "on_error": {"steps": [handler]}}, set_step("after", got="{{ said }}")
    )
    assert run["output"] == {"got": "expression at bad"}
    assert list(await server.steps(run["id"])) == ["bad", "bad.note", "after"]


async def test_a_handler_that_fails_fails_the_run(server: Server) -> None:
    run = await server.run(
        {**FAILING, "on_error": {"steps": [set_step("note", v="{{ trigger.body.none }}")]}}
    )
    assert (run["status"], run["error"]["step"]) == ("failed", "bad.note")


async def test_retries_come_before_on_error(server: Server, sink: Sink) -> None:
    sink.answer(503, count=2)
    run = await server.run(
        call_step(sink.url, retry={**EXACT, "max_attempts": 2}, on_error="continue"),
        set_step("after"),
    )
    assert run["status"] == "waiting"
    await server.advance(3)
    assert (await server.look(run["id"]))["status"] == "succeeded"
    assert len(sink.requests) == 2


@pytest.mark.parametrize(
    ("condition", "status"),
    [("{{ trigger.body.n > 1 }}", "succeeded"), ("{{ trigger.body.n > 2 }}", "skipped"),
     (True, "succeeded"), (False, "skipped"), ("{{ not (n | default(true)) }}", "skipped")],
)  # fmt: skip
async def test_an_if_decides(server: Server, condition: Any, status: str) -> None:
    run = await server.run({**set_step("one"), "if": condition}, data={"n": 2})
    assert run["status"] == "succeeded"
    assert (await server.steps(run["id"]))["one"]["status"] == status


async def test_an_if_that_is_neither_true_nor_false_fails_the_step(server: Server) -> None:
    run = await server.run({**set_step("one"), "if": "{{ trigger.body.n }}"}, data={"n": 2})
    assert (run["status"], run["error_type"]) == ("failed", "expression")
    assert run["error"]["step"] == "one"
