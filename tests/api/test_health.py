"""Health, readiness and metrics; and a disk that is full: nothing accepted is lost."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Live, serving
from tests.api.support import API, Server, Sink, call_step, definition, delay_step, hooked, until
from tests.api.test_workflows import hook_of
from tests.servers.postgres import PostgresServer

LARGE = {"input": "x" * 500_000}


async def metrics(server: Server) -> dict[tuple[str, str], float]:
    """The values by their names and the values of their labels."""
    answer = await server.client().get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, ",".join(s.labels.values())): s.value for f in families for s in f.samples}


async def test_a_good_server_is_live_and_ready_for_anybody(server: Server) -> None:
    client = server.client()
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_metrics_count_runs_by_status_and_what_happened(server: Server) -> None:
    before = await metrics(server)
    await server.run(delay_step())
    await server.failed("bad")
    await server.admin.post(hook_of(await server.save(hooked(name="hooked"))))
    await server.settle()
    server.clock.advance(5)
    now = await metrics(server)
    assert now["minizaps_runs", "waiting"] == 1
    assert now["minizaps_runs", "queued"] == now["minizaps_runs", "running"] == 0
    assert now["minizaps_dead_letters", ""] == 1
    assert now["minizaps_oldest_queued_seconds", ""] == 0
    for name, label, more in (
        ("minizaps_runs_started_total", "manual", 2),
        ("minizaps_runs_started_total", "webhook", 1),
        ("minizaps_runs_ended_total", "succeeded", 1),
        ("minizaps_runs_ended_total", "failed", 1),
        ("minizaps_step_duration_seconds_count", "delay", 1),
    ):
        assert now[name, label] - before.get((name, label), 0) == more, name


async def test_metrics_tell_for_how_long_runs_have_queued(open_server: Any, sink: Sink) -> None:
    server: Server = await open_server(concurrency=1)
    release = sink.block()
    await server.save(definition(call_step(sink.url)))
    for _ in range(3):
        await server.start()
    await until(lambda: bool(sink.requests))
    server.clock.advance(7)
    now = await metrics(server)
    assert (now["minizaps_runs", "running"], now["minizaps_runs", "queued"]) == (1, 2)
    assert now["minizaps_oldest_queued_seconds", ""] == 7
    release.set()
    await server.settle()


async def limit_pages(server: Server, pages: int) -> None:
    """How large the file may become; at least its present size."""
    writer = server.app.journal._db._writer
    await writer.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").get)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_full_database_accepts_nothing_and_goes_on_by_itself(
    server: Server, sink: Sink
) -> None:
    release = sink.block()
    hook = hook_of(await server.save(hooked(call_step(sink.url))))
    run = await server.start()
    await until(lambda: bool(sink.requests))
    await limit_pages(server, 1)
    for url in (f"{API}/workflows/flow/runs", hook):
        refused = await server.admin.post(url, json=LARGE)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
    assert len((await server.admin.get(f"{API}/runs")).json()["items"]) == 1
    release.set()
    await asyncio.sleep(0.05)
    await limit_pages(server, 2**30)
    assert (await server.admin.post(hook, json=LARGE)).status_code == 202
    await server.settle()
    assert (await server.look(run["id"]))["status"] == "succeeded"
    assert len(sink.requests) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_database_that_takes_no_writes_is_not_ready(server: Server) -> None:
    connection = server.app.journal._db._writer._db  # type: ignore[attr-defined]
    bad = await server.failed("bad")
    await server.save(definition())
    connection.execute("PRAGMA query_only = 1")
    assert (await server.client().get("/health/ready")).status_code == 503
    assert (await server.client().get("/health/live")).status_code == 200
    for method, path in (
        ("POST", "workflows/flow/runs"),
        ("POST", "workflows/flow/deactivate"),
        ("DELETE", "workflows/flow"),
        ("POST", "projects"),
        ("POST", "dead-letters/discard"),
    ):
        body = {"projects": {"name": "x"}, "dead-letters/discard": {"ids": [bad["id"]]}}.get(path)
        answer = await server.admin.request(method, f"{API}/{path}", json=body)
        assert answer.status_code == 503, path
    assert (await server.admin.get(f"{API}/workflows/flow")).json()["active"] is True
    connection.execute("PRAGMA query_only = 0")
    assert (await server.client().get("/health/ready")).status_code == 200
    assert (await server.start())["id"]


@contextmanager
def no_growth(live: Live) -> Iterator[None]:
    """The kernel refuses every write of the server that would make a file larger."""
    _, hard = resource.prlimit(live.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(live.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(live.pid, resource.RLIMIT_FSIZE, (hard, hard))


def comes_to(client: Any, run_id: str, status: str) -> bool:
    """Whether the run has this status within 20 seconds."""
    deadline = time.monotonic() + 20
    while client.get(f"{API}/runs/{run_id}").json()["status"] != status:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
def test_a_disk_that_takes_no_writes_is_503_until_it_does_again(tmp_path: Path) -> None:
    with serving(tmp_path) as live, live.client() as client:
        pause = definition(delay_step(1.5), name="pause")
        client.post(f"{API}/workflows", json=pause).raise_for_status()
        run = client.post(f"{API}/workflows/pause/runs").json()
        assert comes_to(client, run["id"], "waiting")
        with no_growth(live):
            assert client.get("/health/ready").status_code == 503
            assert client.get("/health/live").status_code == 200
            for url in (f"{API}/workflows/pause/runs", live.hook):
                answer = client.post(url, json={})
                assert answer.status_code == 503
                assert answer.json()["title"] == "The database does not take writes at the moment"
            time.sleep(1.6)
            assert client.get(f"{API}/runs/{run['id']}").json()["status"] == "waiting"
        assert client.get("/health/ready").status_code == 200
        assert client.post(live.hook, json={}).status_code == 202
        assert comes_to(client, run["id"], "succeeded")
        listed = client.get(f"{API}/runs", params={"workflow": "pause"}).json()["items"]
        assert [item["id"] for item in listed] == [run["id"]]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_postgres_that_is_gone_is_503_until_it_is_back(
    server: Server, postgres_server: PostgresServer
) -> None:
    hook = hook_of(await server.save(hooked()))
    before = await server.start()
    await asyncio.to_thread(postgres_server.stop, "immediate")
    for method, path in (("POST", hook), ("GET", f"{API}/runs"), ("POST", f"{API}/workflows")):
        refused = await server.admin.request(method, path, json=definition(name="other"))
        assert refused.status_code == 503, refused.text
        assert refused.headers["retry-after"]
    assert (await server.client().get("/health/ready")).status_code == 503
    await asyncio.to_thread(postgres_server.start)
    assert (await server.client().get("/health/ready")).status_code == 200
    assert (await server.admin.post(hook, json={})).status_code == 202
    await server.settle()
    runs = (await server.admin.get(f"{API}/runs")).json()["items"]
    assert [run["status"] for run in runs] == ["succeeded"] * 2
    assert before["id"] in {run["id"] for run in runs}


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_cut_connections_fail_no_request(
    server: Server, postgres_server: PostgresServer, database_url: str
) -> None:
    hook = hook_of(await server.save(hooked()))
    for _ in range(5):
        name = database_url.rpartition("/")[2]
        assert await asyncio.to_thread(postgres_server.terminate_backends, name) > 0
        assert (await server.admin.post(hook, json={})).status_code == 202
        assert (await server.admin.get(f"{API}/runs")).status_code == 200
