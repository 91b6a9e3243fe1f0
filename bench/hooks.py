"""Hooks: what a signed one costs the server until it is on disk, against an unsigned one."""

from __future__ import annotations

import hmac
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.client import closed_loop, orders
from bench.options import Options
from bench.server import Server, start_server
from bench.table import Row

SECRET = "of the sender of the bench"
CREDENTIAL = {"name": "sender", "type": "hmac", "data": {"secret": SECRET}}
HOOKS: dict[str, dict[str, Any]] = {
    "unsigned": {},
    "standard": {"secret": "sender"},
    "github": {"secret": "sender", "signature": "github"},
}

Request = Callable[[int], bytes]


async def measure(folder: Path, options: Options) -> list[Row]:
    """Send as many hooks of each kind, in turns, to an API without a worker: runs only start."""
    github = Row("hooks", f"CPU per hook, {options.hooks:,} of GitHub signed, or not", "us")
    standard = Row("hooks", "CPU per hook, webhook-id signed, or not", "us")
    keyed = Row("hooks", "CPU per hook, with a webhook-id, or without", "us")
    rate = Row("hooks", "hooks of GitHub signed, or not, on disk", "hooks/s")
    server = await start_server(folder / "hooks", workers=0)
    try:
        await server.api("POST", "/api/v1/credentials", CREDENTIAL)
        paths = {name: await server.create_workflow(_workflow(name, HOOKS[name])) for name in HOOKS}
        plain = paths["unsigned"]
        for n in range(-1, options.repeat):  # the first round only warms up
            requests = {
                "bare": orders(plain),
                "github": _github(paths["github"]),
                "id": _standard(plain, n),
                "signed id": _standard(paths["standard"], n),
            }
            sent: dict[str, tuple[float, float]] = {}
            # The database grows meanwhile: each kind is in turns early and late.
            for kind in list(requests) if n % 2 else reversed(requests):
                sent[kind] = await _sent(server, requests[kind], options.hooks)
            if n >= 0:
                github.add(sent["github"][0], sent["bare"][0])
                standard.add(sent["signed id"][0], sent["id"][0])
                keyed.add(sent["id"][0], sent["bare"][0])
                rate.add(sent["github"][1], sent["bare"][1])
    finally:
        await server.stop()
    return [github, standard, keyed, rate]


async def _sent(server: Server, request: Request, number: int) -> tuple[float, float]:
    """Microseconds of the server's CPU per hook, and hooks a second."""
    cpu, began = server.child.cpu(), time.monotonic()
    load = await closed_loop(server.port, request, number=number)
    if load.refused:
        raise RuntimeError(f"{load.refused} of {number} hooks were refused")
    took = time.monotonic() - began
    return (server.child.cpu() - cpu) / number * 1e6, number / took


def _workflow(name: str, config: dict[str, Any]) -> dict[str, Any]:
    step = {"type": "set", "config": {"values": {"order": "{{ trigger.body.number }}"}}}
    return {"name": name, "triggers": [{"type": "webhook", "config": config}], "steps": [step]}


def _github(path: str) -> Request:
    order = orders(path)

    def request(number: int) -> bytes:
        first, _, body = order(number).partition(b"\r\n\r\n")
        signature = _digest(body).hex()
        return first + f"\r\nX-Hub-Signature-256: sha256={signature}\r\n\r\n".encode() + body

    return request


def _standard(path: str, part: int) -> Request:
    """Requests with the headers of Standard Webhooks, each with an id of its own."""
    order = orders(path)
    name = path[-8:]

    def request(number: int) -> bytes:
        first, _, body = order(number).partition(b"\r\n\r\n")
        identity, at = f"{name}-{part}-{number}", int(time.time())
        signature = b64encode(_digest(f"{identity}.{at}.".encode() + body)).decode()
        headers = (
            f"\r\nwebhook-id: {identity}\r\nwebhook-timestamp: {at}"
            f"\r\nwebhook-signature: v1,{signature}\r\n\r\n"
        )
        return first + headers.encode() + body

    return request


def _digest(message: bytes) -> bytes:
    return hmac.digest(SECRET.encode(), message, "sha256")
