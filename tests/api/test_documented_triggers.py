"""The definitions of docs/triggers.md do what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from minizaps import app as app_module
from minizaps.worker.poller import Poller
from minizaps.worker.scheduler import Scheduler
from tests.api.support import API, Server

PAGE = Path(__file__).parents[2] / "docs" / "triggers.md"
SCHEDULES, POLLS, *_ = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)


async def outputs(server: Server) -> list[dict[str, Any]]:
    """What the runs have come to, in the order of their text."""
    await server.settle()
    listed = (await server.admin.get(f"{API}/runs", params={"limit": 200})).json()["items"]
    found = [(await server.look(run["id"]))["output"] for run in listed]
    return sorted(found, key=json.dumps)


async def test_the_schedules_fire(server: Server) -> None:
    await server.save(json.loads(SCHEDULES))
    server.clock.advance(3 * 3600)  # from 23:13 in Berlin to 2:13
    await Scheduler(server.app.triggers, server.app.engine, server.clock).run_once()
    assert await outputs(server) == [
        {"for": "2023-11-15T00:58:20.000Z", "region": "all"},
        {"for": "2023-11-15T01:00:00.000Z", "region": "north"},
        {"for": "2023-11-15T01:13:20.000Z", "region": "all"},
    ]


async def test_the_poll_starts_what_is_new(server: Server) -> None:
    numbers = [1, 2]

    async def orders(request: web.Request) -> web.Response:
        after = int(request.query["after"])
        return web.json_response({"orders": [{"id": n} for n in numbers if n > after]})

    app = web.Application()
    app.router.add_get("/orders", orders)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    await server.save(json.loads(POLLS.replace("http://127.0.0.1:8000", address)))
    poller = Poller(server.app.triggers, server.app.engine, server.clock)
    await poller.run_once()
    assert await outputs(server) == []
    numbers.append(3)
    server.clock.advance(60)
    await poller.run_once()
    assert await outputs(server) == [{"order": 3}]
    await runner.cleanup()


@pytest.fixture(autouse=True)
def no_pollers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has none of its own, so that a test knows when a look has ended."""
    monkeypatch.setattr(app_module, "POLLERS", 0)
