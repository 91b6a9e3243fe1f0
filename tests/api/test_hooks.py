"""Inbound hooks: any body, once for each id, nothing that should stay hidden."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.support import API, Server, hooked, pointers, set_step
from tests.api.test_workflows import hook_of

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}


@pytest.fixture
async def hook(server: Server) -> str:
    """The path of a hook whose runs give their trigger back."""
    echo = set_step("echo", body="{{ trigger.body }}", headers="{{ trigger.headers }}",
                    query="{{ trigger.query }}")  # fmt: skip
    return hook_of(await server.save(hooked(echo)))


async def called(server: Server, answer: httpx.Response) -> dict[str, Any]:
    """What the run of a hook's call saw."""
    assert answer.status_code == 202, answer.text
    assert answer.json().keys() == {"run_id"}
    await server.settle()
    run = await server.look(answer.json()["run_id"])
    assert run["trigger"] == {"id": "hook", "type": "webhook"}
    assert run["status"] == "succeeded", run
    return run["output"]


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (JSON, b'{"a": [1, null]}', {"a": [1, None]}),
        ({}, b"[1]", [1]),
        ({"content-type": "application/cloudevents+json; charset=utf-8"}, b"1", 1),
        (JSON, b'{"a": 1, "a": 2}', {"a": 2}),
        (JSON, b"", None),
        ({}, b"", None),
        (FORM, b"a=1&b=%C3%A4+x&a=2&c=", {"a": ["1", "2"], "b": "ä x", "c": ""}),
        (FORM, b"a=" + b"x" * 100_000, {"a": "x" * 100_000}),
        (TEXT, "grüß dich".encode(), "grüß dich"),
        (TEXT, b"{{ 1 + 1 }}", "{{ 1 + 1 }}"),
        ({"content-type": "application/xml"}, b"<a/>", "<a/>"),
    ],
)
async def test_a_body_is_json_a_form_or_text(
    server: Server, hook: str, headers: dict[str, str], body: bytes, expected: Any
) -> None:
    answer = await server.client().post(hook, content=body, headers=headers)
    assert (await called(server, answer))["body"] == expected


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, b"{", 400),
        (JSON, b" ", 400),
        (JSON, b"NaN", 400),
        (JSON, b"1e400", 400),
        (JSON, b"9" * 5000, 400),
        (JSON, b'"\\u0000"', 400),
        (JSON, b'"\\ud800"', 400),
        (JSON, b"[" * 100_000, 400),
        (JSON, b"\xff", 400),
        (TEXT, b"\xff", 400),
        (TEXT, b"a\0", 400),
        (FORM, b"\xff=1", 400),
        (FORM, b"a=%00", 400),
        (FORM, b"%00=a", 400),
        (FORM, b"&".join(b"a%d=1" % n for n in range(1001)), 400),
        ({"content-type": "\xff"}, b"x", 415),
        ({"webhook-id": "x" * 256}, b"{}", 400),
        (JSON, b'"' + b"x" * 2**20 + b'"', 413),
    ],
)
async def test_a_bad_body_is_refused_and_the_next_good_one_is_not(
    server: Server, hook: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    encoded = {k: v.encode("latin-1") for k, v in headers.items()}
    answer = await server.client().post(hook, content=body, headers=encoded)
    assert answer.status_code == status
    assert (await server.admin.get(f"{API}/runs")).json()["items"] == []
    await called(server, await server.client().post(hook, json={}))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a=1&b=&a=2", {"a": ["1", "2"], "b": ""}),
        ("x=%C3%A4+%F0%9F%98%80", {"x": "ä 😀"}),
        ("x=%FF", {"x": "\ufffd"}),
        ("flag", {"flag": ""}),
    ],
)
async def test_the_query_is_data(
    server: Server, hook: str, query: str, expected: dict[str, Any]
) -> None:
    answer = await server.client().post(f"{hook}?{query}")
    assert (await called(server, answer))["query"] == expected


@pytest.mark.parametrize("query", ["a=%00", "&".join(f"a{n}" for n in range(1001))])
async def test_a_query_that_cannot_be_data_is_refused(
    server: Server, hook: str, query: str
) -> None:
    assert (await server.client().post(f"{hook}?{query}")).status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_method_calls_a_hook_without_a_key(server: Server, hook: str, method: str) -> None:
    await called(server, await server.client().request(method, hook))


async def test_credentials_of_the_sender_are_not_kept(server: Server, hook: str) -> None:
    headers = {
        "Authorization": "Bearer secret",
        "Cookie": "a=secret",
        "Proxy-Authorization": "secret",
        "X-Shop": "7",
    }
    answer = await server.client().post(hook, headers=headers)
    seen = (await called(server, answer))["headers"]
    assert seen["x-shop"] == "7"
    assert "secret" not in str(seen)
    (page,) = (await server.admin.get(f"{API}/runs")).json()["items"]
    assert "secret" not in str(await server.events(page["id"]))


@pytest.mark.parametrize("host", ["[", "x/hooks/y?", "", "\xff"])
async def test_the_host_header_leads_nowhere(server: Server, hook: str, host: str) -> None:
    answer = await server.client().post(hook, headers={"host": host.encode("latin-1")})
    assert answer.status_code == 202


@pytest.mark.parametrize("token", ["", "nowhere", "{hook}/x", "{hook}A", "x" * 5000, "%00", "%ff"])
async def test_an_unknown_token_is_404(server: Server, hook: str, token: str) -> None:
    path = token.format(hook=hook.removeprefix("/hooks/"))
    answer = await server.client().post(f"/hooks/{path}")
    assert answer.status_code == 404
    assert hook not in answer.text


async def test_no_token_that_cannot_be_one_is_remembered(server: Server, hook: str) -> None:
    ((_, hooks), *_) = server.asgi._app._others
    for token in ("nowhere", "x" * 1000):
        await server.client().post(f"/hooks/{token}")
    assert list(hooks._known) == ["nowhere"]


async def test_a_hook_of_bad_input_is_422_with_pointers(server: Server) -> None:
    schema = {"type": "object", "required": ["id"], "properties": {"n": {"type": "integer"}}}
    hook = hook_of(await server.save(hooked(input_schema=schema)))
    assert pointers(await server.client().post(hook, json={"n": "x"})).keys() == {"", "/n"}
    assert (await server.client().post(hook, json={"id": 1})).status_code == 202


@pytest.mark.parametrize("header", ["webhook-id", "Idempotency-Key"])
async def test_one_message_id_is_one_run(server: Server, hook: str, header: str) -> None:
    client = server.client()
    answers = await asyncio.gather(
        *(client.post(hook, json={"n": 1}, headers={header: "m1"}) for _ in range(12))
    )
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["run_id"] for a in answers}) == 1
    other = await client.post(hook, json={"n": 2}, headers={header: "m1"})
    assert other.status_code == 422
    assert (await client.post(hook, json={"n": 2}, headers={header: "m2"})).status_code == 202


@pytest.mark.parametrize("header", ["webhook-id", "Idempotency-Key"])
async def test_an_empty_message_id_is_none(server: Server, hook: str, header: str) -> None:
    answers = [
        await server.client().post(hook, json={"n": n}, headers={header: ""}) for n in range(2)
    ]
    assert len({a.json()["run_id"] for a in answers}) == 2


async def test_the_message_ids_of_two_hooks_are_apart(server: Server, hook: str) -> None:
    other = hook_of(await server.save(hooked(name="other")))
    headers = {"webhook-id": "m1"}
    runs = [(await server.client().post(h, headers=headers)).json() for h in (hook, other)]
    assert runs[0] != runs[1]
