"""Polls of connectors that know how their output is read: feeds, and tables by a credential."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest
from aiohttp import web

from minizaps import app as app_module
from minizaps.worker.poller import Poller
from tests.api.support import API, Server, Sink, definition, set_step

ITEM = "<item><title>{0}</title><guid>urn:{0}</guid></item>"
FEED = "<rss version='2.0'><channel><title>News</title>{}</channel></rss>"


@pytest.fixture(autouse=True)
def no_pollers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "POLLERS", 0)


async def save(server: Server, kind: str, read: dict[str, Any], **config: Any) -> None:
    poll = {"every": 60, "type": kind, "config": read, "start": "all", **config}
    trigger = {"id": "news", "type": "poll", "config": poll}
    step = set_step("seen", body="{{ trigger.body }}")
    await server.save(definition(step, triggers=[trigger]))


async def look(server: Server) -> list[Any]:
    """Look once; return the items that have started runs so far, in their order."""
    server.clock.advance(60)
    await Poller(server.app.triggers, server.app.engine, server.clock).run_once()
    await server.settle()
    listed = (await server.admin.get(f"{API}/runs", params={"limit": 200})).json()["items"]
    return [(await server.look(run["id"]))["input"] for run in listed[::-1]]


async def test_a_feed_is_polled_by_its_items(server: Server, sink: Sink) -> None:
    await save(server, "rss", {"url": sink.url})

    def publish(*titles: str) -> None:
        text = FEED.format("".join(map(ITEM.format, titles)))
        sink.answers.append(web.Response(text=text, content_type="application/rss+xml"))

    publish("one")
    assert [item["title"] for item in await look(server)] == ["one"]
    publish("two", "one")
    assert [item["title"] for item in await look(server)] == ["one", "two"]
    publish("two", "one")
    assert len(await look(server)) == 2


async def test_a_table_is_polled_by_a_credential_from_where_the_last_look_ended(
    open_server: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    table = apsw.Connection(str(folder / "shop.db"))
    table.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, sku TEXT)")
    server: Server = await open_server(credential_folders=str(folder))
    data = {"url": f"sqlite:///{folder / 'shop.db'}"}
    new = {"name": "shop", "type": "database", "data": data}
    assert (await server.admin.post(f"{API}/credentials", json=new)).status_code == 201
    read = {
        "query": "SELECT id, sku FROM orders WHERE id > :after ORDER BY id",
        "parameters": {"after": "{{ cursor | default(0, true) }}"},
        "read_only": True,
    }
    ids = {"id": "{{ item.id }}", "cursor": "{{ items[-1].id if items else cursor }}"}
    await save(server, "sql", read, credential="shop", **ids)
    table.execute("INSERT INTO orders (sku) VALUES ('tea'), ('cup')")
    assert {row["sku"] for row in await look(server)} == {"tea", "cup"}
    table.execute("INSERT INTO orders (sku) VALUES ('pot')")
    assert sorted(row["sku"] for row in await look(server)) == ["cup", "pot", "tea"]
    table.close()


async def test_the_credential_of_a_poll_is_checked_when_it_is_saved(server: Server) -> None:
    read = {"query": "SELECT 1", "read_only": True}
    poll = {"every": 60, "type": "sql", "config": read, "credential": "x", "id": "{{ item.n }}"}
    trigger = {"id": "news", "type": "poll", "config": poll}
    answer = await server.admin.post(f"{API}/workflows", json=definition(triggers=[trigger]))
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/triggers/0/config/credential"
    assert "create it first" in error["detail"]
