"""Polls, against a real source: what is new starts a run, once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from minizaps import app as app_module
from minizaps.engine.engine import WorkflowEngine
from minizaps.journal.records import NewRun
from minizaps.journal.triggers import Firing
from minizaps.worker.poller import HELD, Poller
from tests.api.support import API, Server, definition, pointers, set_step


@dataclass
class Source:
    """A server that lists orders, by their number: those after `?after=`."""

    url: str = ""
    numbers: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def orders(self, request: web.Request) -> web.Response:
        after = request.query.get("after")
        self.asked.append(after)
        listed = [{"id": n} for n in self.numbers if n > int(after or 0)]
        return web.json_response({"orders": listed}, status=self.status, headers=self.headers)


@pytest.fixture(autouse=True)
def no_pollers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has none of its own, so that a test knows when a look has ended."""
    monkeypatch.setattr(app_module, "POLLERS", 0)


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    source = Source()
    app = web.Application()
    app.router.add_get("/orders", source.orders)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    source.url = f"http://127.0.0.1:{runner.addresses[0][1]}/orders"
    yield source
    await runner.cleanup()


def polled(url: str, **config: Any) -> dict[str, Any]:
    """A definition that polls the source each minute."""
    read = {"method": "GET", "url": url}
    orders = {"items": "{{ body.orders }}", "id": "{{ item.id }}"}
    config = {"every": 60, "type": "webhook", "config": read, **orders, **config}
    trigger = {"id": "orders", "type": "poll", "config": config}
    return definition(set_step("order", id="{{ trigger.body.id }}"), triggers=[trigger])


async def look(server: Server, seconds: float = 60) -> list[int]:
    """Move the clock and look; return the orders that have started runs, in their order."""
    server.clock.advance(seconds)
    await Poller(server.app.triggers, server.app.engine, server.clock).run_once()
    await server.settle()
    listed = (await server.admin.get(f"{API}/runs", params={"limit": 200})).json()["items"]
    return sorted([(await server.look(run["id"]))["input"]["id"] for run in listed])


async def shown(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = (await server.admin.get(f"{API}/workflows/flow")).json()["triggers"][0]
    return found


async def test_the_first_look_remembers_and_later_ones_start_what_is_new(
    server: Server, source: Source
) -> None:
    source.numbers = [1, 2]
    await server.save(polled(source.url))
    assert await look(server, 0) == []
    source.numbers = [1, 2, 3, 4]
    assert await look(server) == [3, 4]
    source.numbers = [2, 4, 5]
    assert await look(server) == [3, 4, 5]
    assert await look(server) == [3, 4, 5]
    run = (await server.admin.get(f"{API}/runs")).json()["items"][0]
    assert run["trigger"] == {"id": "orders", "type": "poll"}
    assert (await shown(server))["next_fire_at"] is not None


async def test_all_items_of_the_first_look_start_runs_where_that_is_asked(
    server: Server, source: Source
) -> None:
    source.numbers = [1, 2]
    await server.save(polled(source.url, start="all"))
    assert await look(server, 0) == [1, 2]


async def test_a_look_starts_so_many_runs_and_the_rest_follow_at_once(
    server: Server, source: Source
) -> None:
    source.numbers = list(range(1, 8))
    read = {"method": "GET", "url": source.url, "query": {"after": "{{ cursor or 0 }}"}}
    last = "{{ (items | last).id if items else cursor }}"
    await server.save(polled(source.url, start="all", max_items=3, cursor=last, config=read))
    assert await look(server, 0) == list(range(1, 8))
    assert source.asked == ["0", "0", "0"]
    await look(server)
    assert source.asked[-1] == "7"


async def test_a_cursor_says_where_to_read_on(server: Server, source: Source) -> None:
    source.numbers = [1, 2]
    read = {"method": "GET", "url": source.url, "query": {"after": "{{ cursor or 0 }}"}}
    last = "{{ (items | last).id if items else cursor }}"
    await server.save(polled(source.url, start="all", cursor=last, config=read))
    assert await look(server, 0) == [1, 2]
    source.numbers += [3]
    assert await look(server) == [1, 2, 3]
    assert await look(server) == [1, 2, 3]
    assert source.asked == ["0", "2", "3"]


async def test_a_source_that_fails_is_told_and_asked_less_and_less_often(
    server: Server, source: Source
) -> None:
    source.status = 500
    await server.save(polled(source.url, every=10))
    waits = []
    for _ in range(3):
        await look(server, 0)
        waits.append(await server.app.triggers.next_due("poll") - server.clock.now())
        server.clock.advance(waits[-1] / 1000)
    assert waits == [20_000, 40_000, 80_000]
    found = await shown(server)
    assert found["failures"] == 3
    assert "500" in found["error"]["detail"]
    source.status, source.numbers = 200, [1]
    assert await look(server, 0) == []
    found = await shown(server)
    assert (found["failures"], found["error"]) == (0, None)


async def test_a_source_that_asks_for_patience_gets_it(server: Server, source: Source) -> None:
    source.status, source.headers = 429, {"Retry-After": "600"}
    await server.save(polled(source.url))
    await look(server, 0)
    assert await server.app.triggers.next_due("poll") == server.clock.now() + 600_000


async def test_items_that_are_none_are_told(server: Server, source: Source) -> None:
    source.numbers = [1]
    await server.save(polled(source.url, items="{{ body }}"))
    await look(server, 0)
    assert (await shown(server))["error"]["detail"] == "items: gives an object, no list"
    await server.admin.put(f"{API}/workflows/flow", json=polled(source.url, id="{{ item }}"))
    await look(server, 0)
    assert (await shown(server))["error"]["detail"] == (
        "id: item 0 gives an object, no text or number"
    )


async def test_an_item_that_cannot_start_a_run_is_passed_over_and_told(
    server: Server, source: Source
) -> None:
    source.numbers = [1, 2, 3]
    schema = {"properties": {"id": {"not": {"const": 2}}}}
    await server.save({**polled(source.url, start="all"), "input_schema": schema})
    assert await look(server, 0) == [1, 3]
    assert "an item was passed over" in (await shown(server))["error"]["detail"]
    assert await look(server) == [1, 3]
    assert (await shown(server))["error"] is None


async def test_a_look_that_dies_leaves_nothing_and_is_another_ones_later(
    server: Server, source: Source
) -> None:
    source.numbers = [1]
    await server.save(polled(source.url, start="all"))
    triggers = server.app.triggers
    (trigger,) = await triggers.due("poll", 9)
    dead = await triggers.hold(trigger, server.clock.now() + HELD)
    assert dead is not None
    assert await triggers.hold(trigger, server.clock.now() + HELD) is None
    assert await look(server, HELD / 1000 - 1) == []
    assert await look(server, 1) == [1]
    run = NewRun("default", dead.workflow_id, 1, {"id": "orders", "type": "poll", "body": 1})
    assert await triggers.fire([Firing(dead, None, runs=[run], seen=["x"])]) == []
    assert await look(server) == [1]


async def test_a_poll_that_reads_another_source_begins_anew(server: Server, source: Source) -> None:
    source.numbers = [1]
    await server.save(polled(source.url, start="all"))
    assert await look(server, 0) == [1]
    changed = polled(source.url, start="all", max_items=5)
    await server.admin.put(f"{API}/workflows/flow", json=changed)
    assert await look(server) == [1]
    other = polled(f"{source.url}?other=1", start="all")
    await server.admin.put(f"{API}/workflows/flow", json=other)
    assert await look(server) == [1, 1]


async def test_several_that_look_at_once_start_each_item_once(
    server: Server, source: Source
) -> None:
    source.numbers = list(range(1, 30))
    await server.save(polled(source.url, start="all", max_items=4))
    app = server.app
    pollers = [Poller(app.triggers, app.engine, server.clock) for _ in range(4)]
    await asyncio.gather(*(poller.run_once() for poller in pollers))
    assert await look(server, 0) == list(range(1, 30))


async def test_what_a_source_no_longer_shows_is_forgotten_after_a_long_time(
    server: Server, source: Source
) -> None:
    source.numbers = [1, 2]
    await server.save(polled(source.url, start="all", every=86_400))
    assert await look(server, 0) == [1, 2]
    source.numbers = [1]
    for _ in range(46):
        assert await look(server, 2 * 86_400) == [1, 2]
    source.numbers = [1, 2]
    assert await look(server, 86_400) == [1, 2, 2]


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"every": 5}, "/every", "greater than or equal to 10"),
        ({"type": "webhok"}, "/type", "did you mean 'webhook'?"),
        ({"type": "set"}, "/type", "'set' cannot be polled"),
        ({"config": {"url": "http://x", "methd": "GET"}}, "/config/methd", "'method'"),
        ({"config": {"url": "{{ trigger.body }}"}}, "/config/url", "only cursor is"),
        ({"items": None}, "/items", "is required"),
        ({"id": None}, "/id", "is required"),
        ({"id": "{{ body.id }}"}, "/id", "only item is"),
        ({"items": "{{ steps.a }}"}, "/items", "only the output is"),
        ({"items": "{{ body. }}"}, "/items", ""),
        ({"cursor": "last"}, "/cursor", "is no expression"),
        ({"max_items": 0}, "/max_items", "greater than or equal to 1"),
    ],
)
async def test_a_wrong_poll_is_refused_where_it_is_wrong(
    server: Server, change: dict[str, Any], pointer: str, detail: str
) -> None:
    workflow = polled("http://127.0.0.1:1/orders", **change)
    found = pointers(await server.admin.post(f"{API}/workflows", json=workflow))
    assert detail in found[f"/triggers/0/config{pointer}"]


def test_what_only_computes_cannot_be_polled() -> None:
    assert "webhook" in WorkflowEngine.polls()
    assert not {"set", "delay"} & WorkflowEngine.polls().keys()
