"""Several processes on one Postgres: what an operator starts, stops and kills."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.cli.processes import Server, client, until_ended
from tests.cli.sink import Sink, start

Serve = Callable[..., Server]


def test_processes_that_start_at_once_on_an_empty_database_agree(
    serve: Serve, postgres_url: str
) -> None:
    servers = [serve("serve", "--no-worker", MINIZAPS_DATABASE_URL=postgres_url) for _ in range(3)]
    worker = serve("worker", MINIZAPS_DATABASE_URL=postgres_url)
    greetings = [server.wait().greeting for server in servers]
    worker.wait()
    (key,) = {server.key for server in servers if "mz_" in server.greeting}
    assert sum("mz_" in greeting for greeting in greetings) == 1
    with client(servers[0], key) as api:
        assert [w["name"] for w in api.get("/workflows").json()["items"]] == ["hello"]
        steps = [{"type": "set", "config": {"values": {"n": 1}}}]
        workflow = api.post("/workflows", json={"name": "sets", "steps": steps}).json()["id"]
        run_id = api.post(f"/workflows/{workflow}/runs", json={}).json()["id"]
        assert until_ended(api, run_id)["output"] == {"n": 1}
    assert [server.stop(signal.SIGTERM) for server in (*servers, worker)] == [0] * 4


def test_another_worker_goes_on_with_the_runs_of_a_killed_one(
    serve: Serve, postgres_url: str, sink: Sink
) -> None:
    server = serve("serve", "--no-worker", MINIZAPS_DATABASE_URL=postgres_url).wait()
    doomed = serve("worker", MINIZAPS_DATABASE_URL=postgres_url).wait()
    with client(server, server.key) as api:
        run_id = start(api, sink)
        assert sink.called.wait(10)
        serve("worker", MINIZAPS_DATABASE_URL=postgres_url).wait()
        doomed.stop(signal.SIGKILL)
        killed = time.monotonic()
        assert sink.again.wait(20)
        assert time.monotonic() - killed < 5
        assert until_ended(api, run_id)["status"] == "succeeded"
    assert len(sink.keys) == 2
    assert len(set(sink.keys)) == 1, "the same idempotency key"


def test_a_stopped_worker_hands_its_run_over_at_once(
    serve: Serve, postgres_url: str, sink: Sink
) -> None:
    settings = {"MINIZAPS_DATABASE_URL": postgres_url, "MINIZAPS_SHUTDOWN_GRACE": "0.2"}
    server = serve("serve", "--no-worker", **settings).wait()
    leaving = serve("worker", "--concurrency", "1", **settings).wait()
    with client(server, server.key) as api:
        run_id = start(api, sink)
        assert sink.called.wait(10)
        serve("worker", **settings).wait()
        assert leaving.stop(signal.SIGTERM) == 0
        assert sink.again.wait(1)
        assert until_ended(api, run_id)["status"] == "succeeded"
    assert "Traceback" not in leaving.greeting
