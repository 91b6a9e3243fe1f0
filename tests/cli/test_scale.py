"""Several processes on one Postgres: what an operator starts, stops and kills."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.cli.processes import Server, client, until_ended

Serve = Callable[..., Server]


class Sink(ThreadingHTTPServer):
    """Keeps the first request waiting, answers the others at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: list[str | None] = []
        self.called = threading.Event()
        self.again = threading.Event()
        self.done = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Sink

    def do_PUT(self) -> None:
        first = not self.server.keys
        self.server.keys.append(self.headers["Idempotency-Key"])
        if first:
            self.server.called.set()
            self.server.done.wait(30)
        self.server.again.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        thread = threading.Thread(target=sink.serve_forever)
        thread.start()
        yield sink
        sink.done.set()
        sink.shutdown()
        thread.join()


def start(api: Any, sink: Sink) -> str:
    """A run whose worker waits for the sink."""
    call = {"id": "call", "type": "webhook", "config": {"method": "PUT", "url": sink.url}}
    workflow = api.post("/workflows", json={"name": "calls", "steps": [call]}).json()["id"]
    run_id: str = api.post(f"/workflows/{workflow}/runs", json={}).json()["id"]
    return run_id


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
