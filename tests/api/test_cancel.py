"""Cancelling: at once, from any status that is not an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.support import API, Server, Sink, call_step, definition, delay_step, set_step, until


async def cancel(server: Server, run_id: str) -> dict[str, Any]:
    answer = await server.admin.post(f"{API}/runs/{run_id}/cancel")
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["finished_at"]
    return answer.json()


async def test_a_waiting_run_is_cancelled_and_never_wakes(server: Server) -> None:
    run = await server.run(delay_step(60), set_step("never"))
    await cancel(server, run["id"])
    await server.advance(61)
    assert (await server.look(run["id"]))["status"] == "cancelled"
    steps = await server.steps(run["id"])
    assert list(steps) == ["pause"]
    assert steps["pause"]["status"] == "cancelled"


async def test_a_run_is_cancelled_in_the_middle_of_an_attempt(server: Server, sink: Sink) -> None:
    release = sink.block()
    await server.save(definition(call_step(sink.url), set_step("never")))
    run = await server.start()
    await until(lambda: bool(sink.requests))
    await cancel(server, run["id"])
    await server.settle()
    release.set()
    await asyncio.sleep(0)
    assert (await server.look(run["id"]))["status"] == "cancelled"
    (attempt,) = (await server.steps(run["id"]))["call"]["attempts"]
    assert attempt["status"] == "cancelled"
    assert attempt["finished_at"]


async def test_a_queued_run_is_cancelled_before_it_begins(
    open_server: Callable[..., Any], sink: Sink
) -> None:
    server: Server = await open_server(concurrency=1)
    release = sink.block()
    await server.save(definition(call_step(sink.url)))
    first, second = await server.start(), await server.start()
    assert second["status"] == "queued"
    await cancel(server, second["id"])
    release.set()
    await server.settle()
    assert (await server.look(first["id"]))["status"] == "succeeded"
    assert len(sink.requests) == 1


async def test_a_run_between_two_attempts_is_cancelled(server: Server, sink: Sink) -> None:
    sink.answer(503)
    run = await server.run(call_step(sink.url, retry={"max_attempts": 3}))
    await cancel(server, run["id"])
    await server.advance(3600)
    step = (await server.steps(run["id"]))["call"]
    assert (step["status"], [a["status"] for a in step["attempts"]]) == ("cancelled", ["failed"])
    assert len(sink.requests) == 1


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
async def test_an_ended_run_cannot_be_cancelled(server: Server, end: str) -> None:
    if end == "failed":
        run = await server.failed()
    else:
        run = await server.run(*([delay_step()] if end == "cancelled" else []))
    if end == "cancelled":
        await cancel(server, run["id"])
    before = await server.look(run["id"])
    answer = await server.admin.post(f"{API}/runs/{run['id']}/cancel")
    assert answer.status_code == 409
    assert end in answer.json()["detail"]
    assert await server.look(run["id"]) == before


async def test_of_many_who_cancel_one_succeeds(server: Server) -> None:
    run = await server.run(delay_step())
    answers = await asyncio.gather(
        *(server.admin.post(f"{API}/runs/{run['id']}/cancel") for _ in range(8))
    )
    assert sorted(a.status_code for a in answers) == [202] + [409] * 7


async def test_who_cancelled_is_in_the_events_and_in_the_audit_log(server: Server) -> None:
    run = await server.run(delay_step())
    await cancel(server, run["id"])
    last = (await server.events(run["id"]))[-1]
    assert (last["kind"], last["data"]) == ("cancel", {"by": "key:admin"})
    lines = [(e["actor"], e["action"], e["target"]) for e in await server.audit()]
    assert ("key:admin", "run.cancel", run["id"]) in lines
