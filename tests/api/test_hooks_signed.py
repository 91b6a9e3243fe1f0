"""Signed hooks: only who has the secret starts runs, once for each delivery."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest

from tests.api.hooking import (
    JSON,
    SECRET,
    body_seen,
    github,
    hook_with,
    keep,
    runs,
    sign,
    slack,
    stripe,
)
from tests.api.support import Server


async def test_an_unsigned_call_is_401_and_says_what_to_send(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="github")
    answer = await server.client().post(hook, json={})
    assert answer.status_code == 401
    assert answer.json()["detail"] == "the call is not signed: send X-Hub-Signature-256"
    wrong = await server.client().post(hook, content=b"{}", headers=github(b"{}", "wrong"))
    assert wrong.status_code == 401
    assert SECRET not in wrong.text + answer.text
    assert await runs(server) == []


async def test_the_signature_is_checked_before_the_body_is_read(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="github")
    for headers in (JSON, {"content-encoding": "gzip"}, {"content-type": "multipart/form-data"}):
        assert (await server.client().post(hook, content=b"{", headers=headers)).status_code == 401
    assert (await server.client().post(hook, content=b"{", headers=github(b"{"))).status_code == 400


async def test_the_old_and_the_new_secret_both_sign(server: Server) -> None:
    await keep(server, old="old-secret", new="new-secret")
    hook = await hook_with(server, secret=["new", "old"], signature="github")
    for key, status in (("old-secret", 202), ("new-secret", 202), ("other", 401)):
        answer = await server.client().post(hook, content=b"1", headers=github(b"1", key))
        assert answer.status_code == status


async def test_a_secret_that_is_not_there_is_503_and_logged(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="github")
    await server.admin.delete("/api/v1/credentials/shop", params={"force": True})
    with caplog.at_level(logging.ERROR):
        answer = await server.client().post(hook, content=b"1", headers=github(b"1"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "shop: there is no credential 'shop'" in caplog.text
    assert await runs(server) == []


async def test_the_authorization_header_may_sign_and_is_not_kept(server: Server) -> None:
    await keep(server, shop=SECRET)
    form = {"header": "Authorization", "prefix": "HMAC "}
    hook = await hook_with(server, secret="shop", signature=form)
    headers = {**JSON, "Authorization": f"HMAC {sign(b'1')}"}
    answer = await server.client().post(hook, content=b"1", headers=headers)
    assert await body_seen(server, answer) == 1
    assert sign(b"1") not in str(await server.events(answer.json()["run_id"]))


async def test_a_delivery_of_github_is_one_run(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="github")
    ids = []
    for delivery, body in (("d1", b"1"), ("d1", b"1"), ("d2", b"1")):
        headers = github(body, **{"X-GitHub-Delivery": delivery})
        answer = await server.client().post(hook, content=body, headers=headers)
        ids.append(answer.json()["run_id"])
    assert ids[0] == ids[1] != ids[2]
    other = github(b"2", **{"X-GitHub-Delivery": "d1"})
    assert (await server.client().post(hook, content=b"2", headers=other)).status_code == 422


async def test_the_ping_of_github_starts_no_run(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="github")
    ping = {"X-GitHub-Event": "ping"}
    assert (await server.client().post(hook, json={}, headers=ping)).status_code == 401
    signed = github(b"{}", **ping)
    assert (await server.client().post(hook, content=b"{}", headers=signed)).status_code == 204
    assert await runs(server) == []


async def test_an_event_of_stripe_is_one_run_however_many_wait_for_it(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="stripe")

    async def call(**event: Any) -> Any:
        body = orjson.dumps({"id": "evt_1", **event})
        headers = stripe(body, server.clock.now())
        return await server.client().post(hook, content=body, headers=headers)

    first = await call(pending_webhooks=2, type="paid")
    server.clock.advance(400)
    again = await call(pending_webhooks=1, type="paid")
    assert first.status_code == 202
    assert first.json() == again.json()
    assert (await call(pending_webhooks=1, type="other")).status_code == 422
    assert len(await runs(server)) == 1


async def test_an_old_call_is_refused_unless_the_trigger_takes_it(server: Server) -> None:
    await keep(server, shop=SECRET)
    strict = await hook_with(server, secret="shop", signature="stripe", tolerance="PT10S")
    headers = stripe(b"{}", server.clock.now())
    server.clock.advance(11)
    answer = await server.client().post(strict, content=b"{}", headers=headers)
    assert answer.status_code == 401
    assert "not within 10 s" in answer.json()["detail"]


async def test_the_challenge_of_slack_is_answered_and_starts_no_run(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="slack")
    body = b'{"type": "url_verification", "challenge": "3eZbrw1aB"}'
    assert (await server.client().post(hook, content=body, headers=JSON)).status_code == 401
    signed = slack(body, server.clock.now())
    answer = await server.client().post(hook, content=body, headers=signed)
    assert (answer.status_code, answer.text) == (200, "3eZbrw1aB")
    assert answer.headers["content-type"].startswith("text/plain")
    assert await runs(server) == []


async def test_an_event_of_slack_is_one_run_also_when_it_is_signed_again(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="slack")
    body = b'{"type": "event_callback", "event_id": "Ev1"}'
    for seconds in (0, 60, 300):
        server.clock.advance(seconds)
        headers = {**slack(body, server.clock.now()), "X-Slack-Retry-Num": str(seconds)}
        assert (await server.client().post(hook, content=body, headers=headers)).status_code == 202
    assert len(await runs(server)) == 1


async def test_a_captured_call_of_slack_starts_nothing_again(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature="slack")
    body, form = b"command=%2Fdeploy&text=", {"content-type": "application/x-www-form-urlencoded"}
    headers = {**slack(body, server.clock.now()), **form}
    for _ in range(2):
        assert (await server.client().post(hook, content=body, headers=headers)).status_code == 202
    assert len(await runs(server)) == 1


async def test_an_id_that_is_not_signed_tells_no_standard_webhooks_apart(server: Server) -> None:
    await keep(server, shop=SECRET)
    hook = await hook_with(server, secret="shop", signature={"header": "X-Sig"}, dedupe="X-Id")
    seen = set()
    for given in ({"X-Id": "1"}, {"X-Id": "1", "webhook-id": "2"}, {"X-Id": "3"}):
        headers = {**JSON, "X-Sig": sign(b"1"), **given}
        answer = await server.client().post(hook, content=b"1", headers=headers)
        seen.add(answer.json()["run_id"])
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("dedupe", "bodies", "count"),
    [
        ("{{ trigger.body.order }}", [{"order": 1}, {"order": 1}, {"order": 2}], 2),
        ("{{ trigger.body.order | default(none) }}", [{}, {}], 2),
        ("x-{{ trigger.body.a }}-{{ trigger.body.b }}", [{"a": 1, "b": 2}] * 3, 1),
    ],
)
async def test_an_expression_tells_deliveries_apart(
    server: Server, dedupe: str, bodies: list[Any], count: int
) -> None:
    hook = await hook_with(server, dedupe=dedupe)
    for body in bodies:
        assert (await server.client().post(hook, json=body)).status_code == 202
    assert len(await runs(server)) == count


@pytest.mark.parametrize("body", [{}, {"order": [1]}, {"order": True}])
async def test_a_call_without_the_id_that_is_asked_for_is_422(server: Server, body: Any) -> None:
    hook = await hook_with(server, dedupe="{{ trigger.body.order }}")
    answer = await server.client().post(hook, json=body)
    assert answer.status_code == 422
    assert "dedupe" in answer.json()["detail"]
    assert await runs(server) == []
