"""Replays: a new run from an ended one, with the results before the chosen step."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.support import (
    API,
    Server,
    Sink,
    call_step,
    definition,
    delay_step,
    pointers,
    set_step,
)

FLOW = f"{API}/workflows/flow"


def story(url: str) -> list[dict[str, Any]]:
    """Three steps, the second of which calls the sink and the third of which needs an input."""
    return [
        set_step("first", n="{{ trigger.body.n }}"),
        call_step(url, json={"n": "{{ n }}"}),
        set_step("last", got="{{ trigger.body.late }}", n="{{ n }}"),
    ]


async def replay(
    server: Server, run_id: str, body: Any = None, key: str | None = None
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await server.admin.post(f"{API}/runs/{run_id}/replay", json=body, headers=headers)


async def replayed(server: Server, run_id: str, **body: Any) -> dict[str, Any]:
    """The replay, as far as it came."""
    answer = await replay(server, run_id, body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{API}/runs/{answer.json()['id']}"
    await server.settle()
    return await server.look(answer.json()["id"])


async def test_a_replay_from_the_failed_step_takes_over_what_was_done(
    server: Server, sink: Sink
) -> None:
    run = await server.run(*story(sink.url), data={"n": 7})
    assert (run["status"], run["error"]["step"]) == ("failed", "last")
    again = await replayed(server, run["id"], input={"n": 8, "late": "now"})
    assert (again["status"], again["replay_of"]) == ("succeeded", run["id"])
    assert again["output"] == {"got": "now", "n": 7}
    assert len(sink.requests) == 1
    steps = await server.steps(again["id"])
    assert {p: s["taken_over"] for p, s in steps.items()} == {
        "first": True, "call": True, "last": False,
    }  # fmt: skip
    assert steps["call"]["status"] == "succeeded"
    assert (await server.look(run["id"]))["dead_letter"] == "replayed"


@pytest.mark.parametrize(
    ("origin", "calls", "n"), [("start", 2, 8), ("first", 2, 8), ("call", 2, 7), ("last", 1, 7)]
)
async def test_a_replay_begins_at_the_chosen_step(
    server: Server, sink: Sink, origin: str, calls: int, n: int
) -> None:
    run = await server.run(*story(sink.url), data={"n": 7, "late": 1})
    assert run["status"] == "succeeded"
    again = await replayed(server, run["id"], **{"from": origin, "input": {"n": 8, "late": 2}})
    assert again["output"] == {"got": 2, "n": n}
    assert len(sink.requests) == calls


async def test_a_replay_keeps_input_and_version_unless_told_otherwise(server: Server) -> None:
    run = await server.run(set_step("one", v="{{ trigger.body }}"), data="in")
    await server.admin.put(FLOW, json=definition(set_step("one", v="second")))
    same = await replayed(server, run["id"])
    assert (same["workflow"]["version"], same["output"]) == (1, {"v": "in"})
    for version in (2, 0):
        newest = await replayed(server, run["id"], version=version)
        assert (newest["workflow"]["version"], newest["output"]) == (2, {"v": "second"})
    nothing = await replayed(server, run["id"], input=None)
    assert nothing["output"] == {"v": None}


async def test_a_mended_version_takes_over_the_results_of_the_broken_one(
    server: Server, sink: Sink
) -> None:
    run = await server.run(*story(sink.url), data={"n": 7})
    mended = [*story(sink.url)[:2], set_step("last", got="mended")]
    await server.admin.put(FLOW, json=definition(*mended))
    again = await replayed(server, run["id"], version=0)
    assert again["output"] == {"got": "mended"}
    assert len(sink.requests) == 1


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"from": "nowhere"}, "/from", "first, call, last"),
        ({"from": ""}, "/from", "no step"),
        ({"origin": "start"}, "/origin", ""),
        ({"version": -1}, "/version", ""),
        ({"version": 2**63}, "/version", ""),
        ({"version": "x"}, "/version", ""),
        ({"from": 1}, "/from", ""),
        ([], "", ""),
    ],
)
async def test_a_replay_that_cannot_be_is_refused(
    server: Server, sink: Sink, body: Any, pointer: str, words: str
) -> None:
    run = await server.run(*story(sink.url), data={"n": 7})
    assert words in pointers(await replay(server, run["id"], body))[pointer]
    assert (await server.look(run["id"]))["dead_letter"] == "open"


async def test_a_version_that_is_not_there_is_404(server: Server) -> None:
    run = await server.run()
    assert (await replay(server, run["id"], {"version": 2})).status_code == 404


async def test_a_run_that_has_not_failed_has_no_failed_step(server: Server) -> None:
    run = await server.run()
    found = pointers(await replay(server, run["id"], {"from": "failed"}))
    assert "has not failed" in found["/from"]


async def test_a_run_that_has_not_ended_cannot_be_replayed(server: Server) -> None:
    run = await server.run(delay_step())
    assert (await replay(server, run["id"], {"from": "start"})).status_code == 409
    await server.admin.post(f"{API}/runs/{run['id']}/cancel")
    assert (await replay(server, run["id"])).status_code == 202


async def test_a_new_input_meets_the_schema(server: Server) -> None:
    run = await server.run(input_schema={"type": "integer"}, data=1)
    assert pointers(await replay(server, run["id"], {"input": "x"})).keys() == {"/input"}
    assert (await replay(server, run["id"], {"input": 2})).status_code == 202


async def test_a_key_and_body_give_one_replay(server: Server) -> None:
    run = await server.failed()
    body = {"from": "start"}
    answers = await asyncio.gather(*(replay(server, run["id"], body, "k") for _ in range(8)))
    assert {a.status_code for a in answers} == {202}
    (new_id,) = {a.json()["id"] for a in answers}
    assert (await replay(server, run["id"], {"from": "failed"}, "k")).status_code == 422
    assert (await replay(server, run["id"], body, "other")).json()["id"] != new_id
    kinds = [e["kind"] for e in await server.events(run["id"])]
    assert kinds.count("replay") == 2


async def test_a_repeated_replay_is_told_apart_from_the_first(server: Server) -> None:
    run = await server.failed()
    headers = [(await replay(server, run["id"], {}, "k")).headers for _ in range(2)]
    assert [h.get("idempotency-replayed") for h in headers] == [None, "true"]


async def test_who_replayed_is_in_the_events_of_both_runs_and_in_the_audit_log(
    server: Server,
) -> None:
    run = await server.failed()
    again = await replayed(server, run["id"])
    last = (await server.events(run["id"]))[-1]
    assert (last["kind"], last["data"]) == ("replay", {"by": "key:admin", "run": again["id"]})
    assert (await server.events(again["id"]))[0]["data"]["by"] == "key:admin"
    (line,) = [e for e in await server.audit() if e["action"] == "run.replay"]
    assert (line["actor"], line["target"]) == ("key:admin", run["id"])
    assert line["detail"] == {"run": again["id"], "from": "failed"}


async def test_a_replay_of_a_replay_takes_over_all_results(server: Server, sink: Sink) -> None:
    run = await server.run(*story(sink.url), data={"n": 7})
    second = await replayed(server, run["id"], input={"n": 9})
    assert second["status"] == "failed"
    third = await replayed(server, second["id"], input={"late": "now"})
    assert (third["output"], third["replay_of"]) == ({"got": "now", "n": 7}, second["id"])
    assert len(sink.requests) == 1


async def test_caught_and_skipped_steps_are_taken_over_as_they_were(server: Server) -> None:
    run = await server.run(
        {**set_step("bad", v="{{ trigger.body.x }}"), "on_error": "continue"},
        {**set_step("never"), "if": False},
        set_step("last", why="{{ steps.bad.error.type }}", v="{{ trigger.body.late }}"),
        data={},
    )
    again = await replayed(server, run["id"], input={"late": 1})
    assert again["output"] == {"why": "expression", "v": 1}
    steps = await server.steps(again["id"])
    assert [s["status"] for s in steps.values()] == ["caught", "skipped", "succeeded"]
