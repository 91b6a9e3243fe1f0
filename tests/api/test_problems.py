"""Bad input of any kind is a problem document, and the next good call is fine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.support import API, JSON, Server, definition, set_step
from tests.definition.support import flow
from tests.definition.test_check import BAD

OPENAPI = f"{API}/openapi.json"


def sendable(raw: Any) -> bool:
    try:
        json.dumps(raw, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", [name for name in BAD if sendable(BAD[name][0])])
async def test_a_bad_definition_is_refused_by_every_route_that_takes_one(
    server: Server, name: str
) -> None:
    raw, pointer, _ = BAD[name]
    await server.save(definition())
    for method, path in (
        ("POST", "workflows"), ("PUT", "workflows/flow"), ("POST", "workflows/validate"),
    ):  # fmt: skip
        answer = await server.admin.request(method, f"{API}/{path}", json=raw)
        assert answer.status_code in (400, 422)
        assert not isinstance(raw, dict) or pointer in str(answer.json()["errors"])
    assert (await server.start())["workflow"]["version"] == 1


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[1,]", b"NaN", b"1e400", b"9" * 5000, b'"\\ud800"', b'{"name":"\\u0000"}',
     b'{"name":"a","name":"b","steps":[]}', b"\xff", b"[" * 100_000, b"'", b"\0", b"{}{}"],
    ids=lambda raw: repr(raw[:20]),
)  # fmt: skip
async def test_what_is_no_json_is_400(server: Server, raw: bytes) -> None:
    for path in ("workflows", "workflows/validate", "keys", "dead-letters/replay"):
        answer = await server.admin.post(f"{API}/{path}", content=raw, headers=JSON)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["detail"]
    assert (await server.admin.post(f"{API}/workflows", json=definition())).status_code == 201


@pytest.mark.parametrize("secret", [None, "mz_wrong"])
@pytest.mark.parametrize(
    ("raw", "kind"),
    [(b"{", "application/json"), (b"x" * 2**20, "application/json"), (b"x", "image/png")],
)
async def test_nothing_is_read_of_who_has_no_key(
    server: Server, secret: str | None, raw: bytes, kind: str
) -> None:
    client, read = server.client(secret), []

    async def chunks() -> AsyncIterator[bytes]:
        read.append(True)
        yield raw

    for path in ("workflows", "workflows/flow/runs", "dead-letters/replay", "keys"):
        url = f"{API}/{path}"
        answer = await client.post(url, content=chunks(), headers={"content-type": kind})
        assert answer.status_code == 401
    assert not read


async def test_a_definition_that_is_one_byte_too_large_is_refused(server: Server) -> None:
    step = set_step("first", text="")
    room = 256 * 1024 - len(json.dumps(flow(step), separators=(",", ":")))
    step["config"]["values"]["text"] = "x" * room
    assert (
        await server.admin.post(f"{API}/workflows/validate", json=flow(step))
    ).status_code == 200
    step["config"]["values"]["text"] = "x" * (room + 1)
    answer = await server.admin.post(f"{API}/workflows/validate", json=flow(step))
    assert answer.status_code == 422
    assert "262144" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v1", 404),
        ("GET", f"{API}/nothing", 404),
        ("GET", f"{API}/workflows/", 404),
        ("GET", "/docs", 404),
        ("POST", f"{API}/runs", 405),
        ("PATCH", f"{API}/workflows/flow", 405),
        ("TRACE", f"{API}/runs", 405),
        ("OPTIONS", f"{API}/runs", 405),
        ("DELETE", "/health/live", 405),
        ("POST", "/metrics", 405),
    ],
)
async def test_what_is_no_call_is_a_problem_too(
    server: Server, method: str, path: str, status: int
) -> None:
    assert (await server.admin.request(method, path)).status_code == status


async def test_answers_are_not_kept_or_framed_by_others(server: Server) -> None:
    for answer in (
        await server.admin.get(f"{API}/workflows"),
        await server.admin.get(f"{API}/nothing"),
        await server.client().get(f"{API}/workflows"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_an_unforeseen_error_is_500_and_tells_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(type(server.app.catalog), "workflows", broken)
    server.admin.event_hooks = {}
    answer = await server.admin.get(f"{API}/workflows")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "the secret inside" in caplog.text
