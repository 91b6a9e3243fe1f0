"""An installation in this process, with its HTTP door, a clock that tests move, and a sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from aiohttp import web

from minizaps.api.auth import Role, new_key
from minizaps.app import App
from minizaps.clock import ManualClock
from minizaps.journal.status import Status
from minizaps.worker.waker import wake_all

API = "/api/v1"
PATIENCE = 20.0
JSON = {"content-type": "application/json"}


def set_step(step_id: str = "first", **values: Any) -> dict[str, Any]:
    """A step that sets values."""
    return {"id": step_id, "type": "set", "config": {"values": values or {"a": 1}}}


def delay_step(seconds: Any = 60, step_id: str = "pause") -> dict[str, Any]:
    """A step that waits."""
    return {"id": step_id, "type": "delay", "config": {"seconds": seconds}}


def call_step(url: str, step_id: str = "call", **keys: Any) -> dict[str, Any]:
    """A step that sends a request and does not retry, unless `keys` say otherwise."""
    config = {"url": url, "json": keys.pop("json", {"n": "{{ trigger.body.n | default(0) }}"})}
    retry = keys.pop("retry", {"max_attempts": 1})
    return {"id": step_id, "type": "webhook", "config": config, "retry": retry, **keys}


def definition(*steps: dict[str, Any], name: str = "flow", **keys: Any) -> dict[str, Any]:
    """A definition of these steps; one that sets a value if there are none."""
    return {"name": name, "steps": list(steps) or [set_step()], **keys}


def hooked(*steps: dict[str, Any], name: str = "flow", **keys: Any) -> dict[str, Any]:
    """A definition with an inbound hook."""
    return definition(*steps, name=name, triggers=[{"id": "hook", "type": "webhook"}], **keys)


async def check_problem(response: httpx.Response) -> None:
    """Each error of each test is a problem document that tells nothing of the inside."""
    if response.status_code < 400 or response.request.method == "HEAD":
        return
    await response.aread()
    assert response.headers["content-type"] == "application/problem+json", response.text
    found = response.json()
    assert {"type", "title", "status", "detail"} <= found.keys() <= {*found, "errors"}
    assert found["status"] == response.status_code
    assert found["title"]
    assert found["detail"]
    assert "Traceback" not in response.text
    assert response.status_code in (503, 504) or response.status_code < 500, response.text


def pointers(response: httpx.Response, status: int = 422) -> dict[str, str]:
    """What an error says at which JSON pointer."""
    assert response.status_code == status, response.text
    return {e["pointer"]: e["detail"] for e in response.json()["errors"]}


@dataclass
class Server:
    """An open installation behind its ASGI application."""

    app: App
    asgi: Any
    clock: ManualClock
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    async def __aenter__(self) -> Server:
        self.admin = self.client(await self.key(Role.ADMIN))
        return self

    async def key(self, role: str, project: str = "default") -> str:
        """A new key's secret."""
        secret, key = new_key(project, role, Role(role), by="test", clock=self.clock)
        await self.app.access.create_key(key)
        return secret

    def client(self, secret: str | None = None, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client with this key, or with none."""
        headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        transport = httpx.ASGITransport(self.asgi, False, client=(address, 1))
        client = httpx.AsyncClient(
            transport=transport,
            base_url="http://server",
            headers=headers,
            event_hooks={"response": [check_problem]},
            timeout=PATIENCE,
        )
        self.clients.append(client)
        return client

    async def foreign(self, role: str = Role.ADMIN) -> httpx.AsyncClient:
        """A client of another project."""
        made = await self.admin.post(f"{API}/projects", json={"name": f"other-{role}"})
        return self.client(await self.key(role, made.json()["id"]))

    async def save(self, workflow: dict[str, Any], **query: Any) -> dict[str, Any]:
        """Save a workflow; return it as the API shows it."""
        answer = await self.admin.post(f"{API}/workflows", json=workflow, params=query)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def start(self, workflow: str = "flow", data: Any = None) -> dict[str, Any]:
        """Start a run by hand; return it as the API shows it."""
        url = f"{API}/workflows/{workflow}/runs"
        answer = await self.admin.post(url, json={"input": data})
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def run(self, *steps: dict[str, Any], data: Any = None, **keys: Any) -> dict[str, Any]:
        """Save a workflow of these steps, start it and let it come as far as it can."""
        await self.save(definition(*steps, **keys))
        run = await self.start(keys.get("name", "flow"), data)
        await self.settle()
        return await self.look(run["id"])

    async def failed(self, name: str = "flow", word: str = "bad") -> dict[str, Any]:
        """A run that has failed: a dead letter."""
        step = {**set_step("first", a="{{ trigger.body.x }}"), "name": word}
        return await self.run(step, name=name)

    async def look(self, run_id: str) -> dict[str, Any]:
        """The run as it is now."""
        answer = await self.admin.get(f"{API}/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's steps by path."""
        answer = await self.admin.get(f"{API}/runs/{run_id}/steps")
        return {step["path"]: step for step in answer.json()["items"]}

    async def events(self, run_id: str, after: int = 0) -> list[dict[str, Any]]:
        """The run's events; waits for its end."""
        headers = {"Last-Event-ID": str(after)}
        answer = await self.admin.get(f"{API}/runs/{run_id}/events", headers=headers)
        return parse_events(answer.text)

    async def audit(self) -> list[dict[str, Any]]:
        """The audit log, oldest first."""
        answer = await self.admin.get(f"{API}/audit", params={"limit": 200})
        return answer.json()["items"][::-1]

    async def advance(self, seconds: float) -> None:
        """Move the clock, wake what is due, and let all runs come as far as they can."""
        self.clock.advance(seconds)
        await wake_all(self.app.journal, self.clock)
        await self.settle()

    async def settle(self) -> None:
        """Wait until no run is queued or running."""
        worker = self.app.worker
        assert worker is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                await worker.run_once()
                await worker.settle()
                counts = await self.app.listings.live_counts()
                # What has a signal that it had not seen when it was put down is due at once.
                woken = await wake_all(self.app.journal, self.clock)
                busy = {Status.QUEUED, Status.RUNNING} & counts.keys() or worker.leases
                if not woken and not busy:
                    return
                await asyncio.sleep(0.002)


def parse_events(text: str) -> list[dict[str, Any]]:
    """The data of server-sent events, each with its `id` and `event` lines checked."""
    found = []
    for frame in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.split("\n") if line[:1] != ":" and line)
        if lines:
            data = orjson.loads(lines["data"])
            assert (lines["id"], lines["event"]) == (str(data["seq"]), data["kind"])
            found.append(data)
    return found


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.002)


@dataclass
class Sink:
    """A server that notes its requests and answers as the test has laid down."""

    url: str = ""
    answers: list[web.Response | asyncio.Event] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[asyncio.Event] = field(default_factory=list)

    def answer(self, status: int, count: int = 1, **headers: str) -> None:
        """Answer so the next `count` times; 200 afterwards."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        self.answers += [web.Response(status=status, headers=named) for _ in range(count)]

    def block(self) -> asyncio.Event:
        """Answer the next request only once the event is set."""
        event = asyncio.Event()
        self.answers.append(event)
        self.blocks.append(event)
        return event

    async def handle(self, request: web.Request) -> web.Response:
        noted = {"headers": dict(request.headers), "body": await request.text()}
        self.requests.append(noted)
        answer = self.answers.pop(0) if self.answers else web.Response()
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return web.Response()
        return answer
