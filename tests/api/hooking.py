"""Hooks for tests: signed calls, and the secrets that sign them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import httpx

from tests.api.support import Server, hooked, set_step
from tests.api.test_workflows import hook_of

SECRET = "the sender's secret"
JSON = {"content-type": "application/json"}


async def keep(server: Server, **secrets: str) -> None:
    """Keep some secrets as credentials of type `hmac`."""
    for name, text in secrets.items():
        new = {"name": name, "type": "hmac", "data": {"secret": text}}
        answer = await server.admin.post("/api/v1/credentials", json=new)
        assert answer.status_code == 201, answer.text


async def hook_with(server: Server, *steps: dict[str, Any], **config: Any) -> str:
    """The path of a hook with this config, whose runs give their trigger back."""
    echo = set_step("echo", body="{{ trigger.body }}", headers="{{ trigger.headers }}",
                    raw="{{ trigger.raw_base64 | default(none) }}")  # fmt: skip
    workflow = hooked(*(steps or (echo,)))
    workflow["triggers"][0]["config"] = config
    return hook_of(await server.save(workflow))


async def runs(server: Server) -> list[dict[str, Any]]:
    """All runs, newest first."""
    return (await server.admin.get("/api/v1/runs")).json()["items"]


async def body_seen(server: Server, answer: httpx.Response) -> Any:
    """`trigger.body` of the run that an answer names."""
    assert answer.status_code == 202, answer.text
    return (await server.look(answer.json()["run_id"]))["input"]


def sign(message: bytes, key: str = SECRET) -> str:
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def github(body: bytes, key: str = SECRET, **headers: str) -> dict[str, str]:
    return {**JSON, "X-Hub-Signature-256": f"sha256={sign(body, key)}", **headers}


def slack(body: bytes, now_ms: int) -> dict[str, str]:
    at = str(now_ms // 1000)
    signature = sign(f"v0:{at}:".encode() + body)
    return {**JSON, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={signature}"}


def stripe(body: bytes, now_ms: int) -> dict[str, str]:
    at = str(now_ms // 1000)
    return {**JSON, "Stripe-Signature": f"t={at},v1={sign(f'{at}.'.encode() + body)}"}
