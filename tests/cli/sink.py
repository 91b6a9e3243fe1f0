"""A target of steps, which keeps its first caller waiting."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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


def start(api: Any, sink: Sink) -> str:
    """A run whose worker waits for the sink."""
    call = {"id": "call", "type": "webhook", "config": {"method": "PUT", "url": sink.url}}
    workflow = api.post("/workflows", json={"name": "calls", "steps": [call]}).json()["id"]
    run_id: str = api.post(f"/workflows/{workflow}/runs", json={}).json()["id"]
    return run_id
