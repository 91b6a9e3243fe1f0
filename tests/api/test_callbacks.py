"""Callback URLs: unguessable, once, signed if asked for; links for a person's decision."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

import pytest

from minizaps.api.auth import Role
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

FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}


def wait_step(*steps: dict[str, Any], **config: Any) -> dict[str, Any]:
    inner = {"steps": list(steps)} if steps else {}
    return {"id": "approval", "type": "wait", "config": config, **inner}


async def urls(server: Server, run: dict[str, Any], path: str = "approval") -> dict[str, str]:
    callback: dict[str, str] = (await server.steps(run["id"]))[path]["callback"]
    return {name: urlsplit(url).path for name, url in callback.items()}


async def waiting(server: Server, **config: Any) -> tuple[dict[str, Any], dict[str, str]]:
    run = await server.run(wait_step(**config), set_step("last", got="{{ steps.approval }}"))
    assert run["status"] == "waiting"
    return run, await urls(server, run)


async def test_the_body_of_the_call_is_the_steps_output(server: Server) -> None:
    run, found = await waiting(server)
    answer = await server.client().post(found["url"], json={"ok": True, "n": [1, 2]})
    assert (answer.status_code, answer.json()) == (200, {"run_id": run["id"], "step": "approval"})
    await server.settle()
    ended = await server.look(run["id"])
    assert (ended["status"], ended["output"]) == ("succeeded", {"got": {"ok": True, "n": [1, 2]}})


async def test_a_body_that_is_no_object_stands_under_body(server: Server) -> None:
    run, found = await waiting(server)
    await server.client().post(found["url"], json=[1, 2])
    await server.settle()
    assert (await server.look(run["id"]))["output"] == {"got": {"body": [1, 2]}}


async def test_a_url_works_once(server: Server) -> None:
    run, found = await waiting(server)
    client = server.client()
    assert (await client.post(found["url"], json={"n": 1})).status_code == 200
    assert (await client.post(found["url"], json={"n": 1})).status_code == 200, (
        "its answer was lost"
    )
    assert (await client.post(found["url"], json={"n": 2})).status_code == 409
    await server.settle()
    assert (await server.look(run["id"]))["output"] == {"got": {"n": 1}}
    assert (await client.post(found["url"], json={"n": 1})).status_code == 200, "also afterwards"
    assert (await client.post(found["url"], json={"n": 3})).status_code == 409


async def test_a_call_of_a_run_that_has_ended_is_refused(server: Server) -> None:
    run, found = await waiting(server)
    await server.admin.post(f"{API}/runs/{run['id']}/cancel")
    answer = await server.client().post(found["url"], json={})
    assert (answer.status_code, "cancelled" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize("token", ["", "nowhere", "x" * 43, "x" * 1000, "a/b"])
async def test_a_token_that_is_none_is_404(server: Server, token: str) -> None:
    assert (await server.client().post(f"/callbacks/{token}")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
async def test_only_a_post_answers(server: Server, method: str) -> None:
    run, found = await waiting(server)
    answer = await server.client().request(method, found["url"])
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await server.look(run["id"]))["status"] == "waiting"


async def test_bad_json_answers_nothing(server: Server) -> None:
    run, found = await waiting(server)
    assert (await server.client().post(found["url"], content=b"{")).status_code == 400
    await server.settle()
    assert (await server.look(run["id"]))["status"] == "waiting"


async def test_the_timeout_fails_the_step_and_a_later_call_is_refused(server: Server) -> None:
    run, found = await waiting(server, timeout=3600)
    await server.advance(3599)
    assert (await server.look(run["id"]))["status"] == "waiting"
    await server.advance(1)
    ended = await server.look(run["id"])
    assert (ended["status"], ended["error"]["type"]) == ("failed", "wait_timeout")
    assert (await server.client().post(found["url"], json={})).status_code == 409


async def test_a_call_in_the_last_moment_wins_over_the_timeout(server: Server) -> None:
    run, found = await waiting(server, timeout=3600)
    server.clock.advance(7200)  # nobody has looked since
    assert (await server.client().post(found["url"], json={"n": 1})).status_code == 200
    await server.advance(0)
    assert (await server.look(run["id"]))["output"] == {"got": {"n": 1}}


async def test_the_steps_that_ask_know_the_url_and_nobody_else_sees_it(
    server: Server, sink: Sink
) -> None:
    ask = call_step(sink.url, "ask", json={"reply_to": "{{ callback.url }}"})
    run = await server.run(wait_step(ask), set_step("last", got="{{ steps.approval.n }}"))
    sent = sink.requests[0]["body"]
    token = (await urls(server, run))["url"].rpartition("/")[2]
    assert token in sent
    assert len(token) == 43
    shown = (await server.steps(run["id"]))["approval[ask].ask"]["attempts"][0]["input"]
    assert shown["json"]["reply_to"].endswith("/callbacks/***")
    await server.client().post(f"/callbacks/{token}", json={"n": 5})
    await server.settle()
    assert (await server.look(run["id"]))["output"] == {"got": 5}
    assert token not in str(await server.events(run["id"]))


async def test_a_viewer_is_not_shown_the_urls(server: Server) -> None:
    run, _ = await waiting(server)
    viewer = server.client(await server.key(Role.VIEWER))
    (step,) = (await viewer.get(f"{API}/runs/{run['id']}/steps")).json()["items"]
    assert step["callback"] is None


async def test_each_item_waits_for_its_own_url(server: Server) -> None:
    block = {"id": "each", "type": "foreach", "config": {"items": ["a", "b"], "concurrency": 2},
             "steps": [{**wait_step(), "id": "reply"}]}  # fmt: skip
    run = await server.run(block)
    first = await urls(server, run, "each[0].reply")
    second = await urls(server, run, "each[1].reply")
    client = server.client()
    await client.post(second["url"], json={"name": "b"})
    await server.settle()
    assert (await server.look(run["id"]))["status"] == "waiting"
    await client.post(first["url"], json={"name": "a"})
    await server.settle()
    assert (await server.look(run["id"]))["output"] == [{"name": "a"}, {"name": "b"}]


async def test_opening_a_link_decides_nothing_and_its_button_does(server: Server) -> None:
    run, found = await waiting(server, approve=True, message="Order <7> over 500 EUR")
    client = server.client()
    page = await client.get(found["approve_url"], headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "Order &lt;7&gt; over 500 EUR" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert (await server.look(run["id"]))["status"] == "waiting"
    said = await client.post(found["approve_url"], content="by=Ada+L.&comment=fine", headers=FORM)
    assert "Approved by Ada L." in said.text
    await server.settle()
    got = (await server.look(run["id"]))["output"]["got"]
    assert (got["approved"], got["by"], got["comment"]) == (True, "Ada L.", "fine")
    assert got["address"] == "127.0.0.1"
    client.event_hooks = {}  # a person gets a page, not a problem document
    late = await client.get(found["reject_url"], headers={"accept": "text/html"})
    assert (late.status_code, "Approved by Ada L." in late.text) == (409, True)


async def test_a_rejection_is_an_output_too(server: Server) -> None:
    run, found = await waiting(server, approve=True)
    client = server.client()
    await client.post(found["reject_url"], json={"by": "bob"})
    assert (await client.post(found["approve_url"], json={"by": "eve"})).status_code == 409
    await server.settle()
    got = (await server.look(run["id"]))["output"]["got"]
    assert (got["approved"], got["by"]) == (False, "bob")


@pytest.mark.parametrize("body", [[1], {"by": 5}, {"by": "x" * 201}, {"comment": "\0"}])
async def test_a_decision_that_is_none_is_refused(server: Server, body: Any) -> None:
    _, found = await waiting(server, approve=True)
    answer = await server.client().post(found["approve_url"], json=body)
    assert answer.status_code in (400, 422)


def signed(secret: bytes, body: bytes, at: int, **wrong: str) -> dict[str, str]:
    text = b"msg_1." + str(at).encode() + b"." + body
    mark = base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at)}
    return {**headers, "webhook-signature": f"v1,AAAA v1,{mark}", **wrong}


async def test_a_signed_call_is_taken_and_any_other_refused(server: Server) -> None:
    secret = b"a long secret of the other side"
    data = {"secret": "whsec_" + base64.b64encode(secret).decode()}
    new = {"name": "shop", "type": "hmac", "data": data}
    assert (await server.admin.post(f"{API}/credentials", json=new)).status_code == 201
    run, found = await waiting(server, secret="shop")
    client, body, now = server.client(), b'{"n":1}', server.clock.now() // 1000
    for headers in (
        {},
        signed(secret, body, now - 301),
        signed(secret, body, now + 301),
        signed(b"another", body, now),
        signed(secret, b'{"n":2}', now),
        {**signed(secret, body, now), "webhook-id": "msg_2"},
        {**signed(secret, body, now), "webhook-timestamp": "soon"},
    ):
        assert (await client.post(found["url"], content=body, headers=headers)).status_code == 401
    good = signed(secret, body, now - 299)
    assert (await client.post(found["url"], content=body, headers=good)).status_code == 200
    await server.settle()
    assert (await server.look(run["id"]))["output"] == {"got": {"n": 1}}


async def test_a_secret_that_is_gone_is_said(server: Server) -> None:
    new = {"name": "shop", "type": "hmac", "data": {"secret": "a secret"}}
    await server.admin.post(f"{API}/credentials", json=new)
    _, found = await waiting(server, secret="shop")
    await server.admin.delete(f"{API}/credentials/shop", params={"force": True})
    answer = await server.client().post(found["url"], json={})
    assert answer.status_code == 503
    assert "shop" not in answer.text, "its name is nobody's business outside"


async def test_a_person_with_a_key_answers_in_place_of_the_url(server: Server) -> None:
    run, _ = await waiting(server)
    path = f"{API}/runs/{run['id']}/answer"
    answer = await server.admin.post(path, json={"body": {"n": 1}})
    assert answer.json() == {"step": "approval", "output": {"n": 1}}
    assert (await server.audit())[-1]["action"] == "run.answer"
    await server.settle()
    assert (await server.look(run["id"]))["output"] == {"got": {"n": 1}}
    assert pointers(await server.admin.post(path, json={"body": 1})).keys() == {"/step"}


async def test_a_persons_decision_names_the_key(server: Server) -> None:
    run, _ = await waiting(server, approve=True)
    path = f"{API}/runs/{run['id']}/answer"
    assert pointers(await server.admin.post(path, json={})).keys() == {"/approved"}
    await server.admin.post(path, json={"approved": False, "comment": "too much"})
    await server.settle()
    got = (await server.look(run["id"]))["output"]["got"]
    assert (got["approved"], got["by"], got["comment"]) == (False, "admin", "too much")


async def test_a_wait_that_would_sign_a_click_is_refused_at_save(server: Server) -> None:
    both = wait_step(approve=True, secret="shop")
    answer = await server.admin.post(f"{API}/workflows", json=definition(both))
    assert "signs nothing" in pointers(answer)["/steps/0/config"]


async def test_a_call_reaches_a_run_that_is_busy_elsewhere(server: Server, sink: Sink) -> None:
    block = sink.block()
    branches = [
        {"id": "busy", "steps": [call_step(sink.url, "slow")]},
        {"id": "asked", "steps": [wait_step(), call_step(sink.url, "after")]},
    ]
    await server.save(definition({"id": "par", "type": "parallel", "branches": branches}))
    run = await server.start()
    found: dict[str, str] = {}
    while not found:
        steps = await server.steps(run["id"])
        if "par[asked].approval" in steps and sink.requests:
            found = await urls(server, run, "par[asked].approval")
    assert (await server.client().post(found["url"], json={"n": 1})).status_code == 200
    while len(sink.requests) < 2:
        await server.look(run["id"])
    block.set()
    await server.settle()
    assert (await server.look(run["id"]))["status"] == "succeeded"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_an_answer_may_look_like_a_decision(server: Server, accept: str) -> None:
    _, found = await waiting(server)
    for _ in range(2):
        answer = await server.client().post(
            found["url"], json={"decided_at": 5}, headers={"accept": accept}
        )
        assert answer.status_code == 200


async def test_the_url_of_a_wait_that_is_gone_is_refused(server: Server) -> None:
    bad = {**set_step("bad", x="{{ trigger.body.nothing }}"), "type": "set"}
    branches = [
        {"id": "a", "steps": [wait_step()]},
        {"id": "b", "steps": [delay_step(5, "short"), bad]},
    ]
    block = {"id": "par", "type": "parallel", "branches": branches, "on_error": "continue"}
    run = await server.run(block, delay_step(60, "after"), data={})
    found = await urls(server, run, "par[a].approval")
    await server.advance(5)
    assert (await server.look(run["id"]))["status"] == "waiting"
    assert (await server.client().post(found["url"], json={})).status_code == 409
    answer = await server.admin.post(f"{API}/runs/{run['id']}/answer", json={})
    assert "waiting: none" in pointers(answer)["/step"]


async def test_a_body_and_a_decision_are_not_mixed_up(server: Server) -> None:
    run, _ = await waiting(server)
    path = f"{API}/runs/{run['id']}/answer"
    assert pointers(await server.admin.post(path, json={"approved": True})).keys() == {"/approved"}


async def test_the_page_takes_a_comment_of_many_lines(server: Server) -> None:
    _, found = await waiting(server, approve=True)
    comment = "%0D%0A".join("x" * 99 for _ in range(20))
    said = await server.client().post(
        found["approve_url"], content=f"comment={comment}", headers=FORM
    )
    assert said.status_code == 200
