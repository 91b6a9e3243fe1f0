"""What the caller of a hook is answered: at once, or from the run's output."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.hooking import hook_with, runs
from tests.api.support import API, Server, Sink, call_step, delay_step, set_step

ORIGIN = {"Origin": "https://acme.test"}


def caller(server: Server) -> httpx.AsyncClient:
    """A client that takes any status."""
    client = server.client()
    client.event_hooks = {}
    return client


async def test_an_answer_is_made_from_the_call_and_the_run(server: Server) -> None:
    respond = {
        "status": 201,
        "headers": {"X-Run": "{{ run.id }}", "X-Number": "{{ trigger.body.n }}"},
        "body": {"got": "{{ trigger.body }}", "by": "{{ workflow.name }} {{ workflow.version }}"},
    }
    hook = await hook_with(server, respond=respond)
    answer = await server.client().post(hook, json={"n": 1})
    (run,) = await runs(server)
    assert answer.status_code == 201
    assert answer.json() == {"got": {"n": 1}, "by": "flow 1"}
    assert answer.headers["x-run"] == run["id"]
    assert answer.headers["x-number"] == "1"
    assert answer.headers["content-type"] == "application/json"


async def test_a_repeated_delivery_has_the_same_answer(server: Server) -> None:
    respond = {"body": "{{ run.id }}"}
    hook = await hook_with(server, respond=respond)
    answers = await asyncio.gather(
        *(server.client().post(hook, json=1, headers={"webhook-id": "m"}) for _ in range(5))
    )
    (run,) = await runs(server)
    assert {a.text for a in answers} == {run["id"]}


async def test_a_form_of_a_page_leads_its_sender_on(server: Server) -> None:
    respond = {"status": 303, "headers": {"Location": "https://acme.test/thanks"}}
    hook = await hook_with(server, respond=respond)
    answer = await server.client().post(hook, data={"name": "Ada"})
    assert (answer.status_code, answer.content) == (303, b"")
    assert answer.headers["location"] == "https://acme.test/thanks"
    assert len(await runs(server)) == 1


async def test_a_page_has_no_rights_on_the_servers_origin(server: Server) -> None:
    respond = {"headers": {"Content-Type": "text/html"}, "body": "<b>{{ trigger.query.q }}</b>"}
    hook = await hook_with(server, respond=respond)
    answer = await server.client().get(f"{hook}?q=<script>")
    assert answer.text == "<b><script></b>"
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("respond", "body"),
    [
        ({"headers": {"Location": "{{ trigger.body.to }}"}}, {"to": "/\r\nSet-Cookie: a=b"}),
        ({"headers": {"Location": "{{ trigger.body.to }}"}}, {"to": "/ä"}),
        ({"headers": {"Location": "{{ trigger.body.to }}"}}, {"to": ["/"]}),
        ({"headers": {"Location": "{{ trigger.body.to }}"}}, {}),
        ({"status": "{{ trigger.body.status }}"}, {"status": 99}),
        ({"status": "{{ trigger.body.status }}"}, {"status": "200"}),
        ({"body": {"a": ["{{ trigger.body.a }}"]}}, None),
    ],
)
async def test_a_call_from_which_no_answer_can_be_made_starts_nothing(
    server: Server, respond: dict[str, Any], body: Any
) -> None:
    hook = await hook_with(server, respond=respond)
    answer = await server.client().post(hook, json=body)
    assert answer.status_code == 422
    assert "respond/" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers
    assert await runs(server) == []


async def test_a_waiting_caller_is_answered_from_the_runs_output(server: Server) -> None:
    respond = {"wait": 20, "status": "{{ output.status }}", "body": "{{ output.body }}"}
    step = set_step("last", status=418, body={"twice": "{{ trigger.body.n * 2 }}"})
    hook = await hook_with(server, step, respond=respond)
    answer = await caller(server).post(hook, json={"n": 21})
    assert (answer.status_code, answer.json()) == (418, {"twice": 42})
    (run,) = await runs(server)
    assert run["status"] == "succeeded"


async def test_a_repeated_delivery_waits_for_the_same_run(server: Server) -> None:
    hook = await hook_with(server, respond={"wait": 20, "body": "{{ run.id }}"})
    headers = {"Idempotency-Key": "k"}
    answers = [await server.client().post(hook, json=1, headers=headers) for _ in range(3)]
    (run,) = await runs(server)
    assert {a.text for a in answers} == {run["id"]}


async def test_a_run_that_takes_longer_is_answered_with_where_to_look(server: Server) -> None:
    hook = await hook_with(server, delay_step(3600), respond={"wait": 0.05, "body": "done"})
    answer = await server.client().post(hook, json=1)
    (run,) = await runs(server)
    assert (answer.status_code, answer.json()) == (202, {"run_id": run["id"]})
    assert answer.headers["location"] == f"{API}/runs/{run['id']}"
    await server.settle()
    assert (await server.look(run["id"]))["status"] == "waiting"


async def test_a_run_that_fails_is_a_problem_that_tells_nothing_of_the_inside(
    server: Server, sink: Sink
) -> None:
    sink.answer(500)
    hook = await hook_with(server, call_step(sink.url), respond={"wait": 20, "body": "done"})
    answer = await caller(server).post(hook, json={})
    (run,) = await runs(server)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"the run {run['id']} has failed"


async def test_the_author_lays_down_the_answer_of_a_failure(server: Server, sink: Sink) -> None:
    sink.answer(500)
    failed = {"status": 502, "body": {"why": "{{ error.type }}", "run": "{{ run.id }}"}}
    respond = {"wait": 20, "body": "done", "failed": failed}
    hook = await hook_with(server, call_step(sink.url), respond=respond)
    answer = await caller(server).post(hook, json={})
    (run,) = await runs(server)
    assert answer.status_code == 502
    assert answer.json() == {"why": run["error_type"], "run": run["id"]}


async def test_a_cancelled_run_is_answered_as_a_failure(server: Server) -> None:
    failed = {"status": 503, "body": "{{ error.type }}"}
    hook = await hook_with(server, delay_step(3600), respond={"wait": 20, "failed": failed})
    call = asyncio.create_task(caller(server).post(hook, json={}))
    while not (found := await runs(server)):
        await asyncio.sleep(0.005)
    await server.admin.post(f"{API}/runs/{found[0]['id']}/cancel")
    answer = await call
    assert (answer.status_code, answer.text) == (503, "cancelled")


async def test_an_answer_that_the_output_does_not_give_is_a_problem(server: Server) -> None:
    hook = await hook_with(server, respond={"wait": 20, "body": "{{ output.nothing }}"})
    answer = await caller(server).post(hook, json={})
    (run,) = await runs(server)
    assert answer.status_code == 500
    assert run["id"] in answer.json()["detail"]
    assert "respond/body" in answer.json()["detail"]


async def test_only_its_methods_start_runs(server: Server) -> None:
    hook = await hook_with(server, methods=["POST", "GET"])
    for method in ("PUT", "DELETE", "PATCH", "PROPFIND"):
        answer = await server.client().request(method, hook)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert await runs(server) == []
    assert (await server.client().get(hook)).status_code == 202


async def test_who_only_looks_starts_nothing(server: Server) -> None:
    hook = await hook_with(server)
    assert (await server.client().head(hook)).status_code == 200
    options = await server.client().options(hook)
    assert options.status_code == 204
    assert options.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert await runs(server) == []


async def test_a_page_of_an_allowed_origin_may_call_by_script(server: Server) -> None:
    hook = await hook_with(server, cors=["https://acme.test"], methods=["POST"])
    client = server.client()
    asked = await client.options(hook, headers=ORIGIN)
    assert asked.headers["access-control-allow-origin"] == "https://acme.test"
    assert asked.headers["access-control-allow-methods"] == "POST"
    assert asked.headers["vary"] == "Origin"
    for answer in (
        await client.post(hook, json=1, headers=ORIGIN),
        await client.post(hook, content=b"{", headers=ORIGIN),
    ):
        assert answer.headers["access-control-allow-origin"] == "https://acme.test"
    other = await client.post(hook, json=1, headers={"Origin": "https://evil.test"})
    assert "access-control-allow-origin" not in other.headers


async def test_no_origin_is_allowed_unless_the_trigger_says_so(server: Server) -> None:
    hook = await hook_with(server)
    for answer in (
        await server.client().options(hook, headers=ORIGIN),
        await server.client().post(hook, json=1, headers=ORIGIN),
    ):
        assert not any(name.startswith("access-control") for name in answer.headers)


async def test_every_origin_is_allowed_by_a_star(server: Server) -> None:
    hook = await hook_with(server, cors=["*"])
    answer = await server.client().post(hook, json=1, headers=ORIGIN)
    assert answer.headers["access-control-allow-origin"] == "https://acme.test"
    assert "access-control-allow-origin" not in (await server.client().post(hook)).headers


async def test_a_new_version_has_its_own_answer_at_once(server: Server) -> None:
    hook = await hook_with(server, respond={"body": "one"})
    assert (await server.client().post(hook)).text == "one"
    workflow = (await server.admin.get(f"{API}/workflows/flow")).json()
    workflow["definition"]["triggers"][0]["config"]["respond"]["body"] = "two"
    url = f"{API}/workflows/{workflow['id']}"
    assert (await server.admin.put(url, json=workflow["definition"])).status_code == 200
    assert (await server.client().post(hook)).text == "two"
