"""A secret is put into a running server, echoed at it in every form, and looked for everywhere."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import Live, serving

CANARY = "canary/7Yq+ü=\"quoted\" 'z' 9fK2"
PASSWORD = "canary-Pa55 wörd:8Jd/+3"
FORMS = [
    form.encode()
    for secret in (CANARY, PASSWORD)
    for form in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode().rstrip("="),
        base64.b64encode(f"user:{secret}".encode()).decode().rstrip("="),
    )
]


class Echo(BaseHTTPRequestHandler):
    """Gives back what it was shown, in several forms; refuses what is under /refuse."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        shown = {name.lower(): value for name, value in self.headers.items()}
        key = shown.get("x-key", "").encode("latin-1").decode() or PASSWORD
        body = json.dumps(
            {
                "headers": shown,
                "raw": f"<{key}>",
                "url": quote(key, safe=""),
                "base64": [base64.b64encode(b"x" * n + key.encode()).decode() for n in range(3)],
                key: "as a name",
            }
        ).encode()
        self.send_response(500 if self.path.startswith("/refuse") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Seen", quote(key))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def send(client: httpx.Client, path: str, body: Any, heard: list[str]) -> Any:
    answer = client.post(f"/api/v1{path}", json=body)
    heard.append(answer.text)
    assert answer.is_success, answer.text
    return answer.json()


def use(live: Live, echo: str) -> str:
    """Use both credentials in steps that succeed, fail and are tried; return all that is heard."""
    heard: list[str] = []
    with live.client() as client:
        for name, kind, data in (
            ("key", "http_header", {"name": "X-Key", "value": CANARY}),
            ("login", "http_basic", {"username": "user", "password": PASSWORD}),
        ):
            new = {"name": name, "type": kind, "data": data | {"test_url": f"{echo}/refuse"}}
            send(client, "/credentials", new, heard)
            send(client, f"/credentials/{name}/test", None, heard)
            for path in ("ok", "refuse"):
                config = {"url": f"{echo}/{path}", "json": {}}
                step = {"type": "webhook", "credential": name, "config": config}
                step["retry"] = {"max_attempts": 1}
                steps = [step, {"type": "set", "config": {"values": {"copy": "{{ body }}"}}}]
                workflow = {"name": f"{name}-{path}", "steps": steps}
                send(client, "/workflows", workflow, heard)
                run = send(client, f"/workflows/{workflow['name']}/runs?wait=20", {}, heard)
                heard += [
                    client.get(f"/api/v1/runs/{run['id']}{more}").text
                    for more in ("", "/steps", "/events")
                ]
        heard += [
            client.get(f"/api/v1/{path}").text
            for path in ("credentials", "credentials/key", "audit", "dead-letters", "workflows")
        ]
        assert len(client.get("/api/v1/dead-letters").json()["items"]) == 2
    return "\n".join(heard)


def test_no_form_of_a_secret_is_anywhere(tmp_path: Path, echo: str) -> None:
    with serving(tmp_path, MINIZAPS_LOG_LEVEL="debug") as live:
        heard = use(live, echo)
        files = {path: path.read_bytes() for path in live.data.rglob("*") if path.is_file()}
    files |= {path: path.read_bytes() for path in live.data.rglob("*") if path.is_file()}
    files[live.log] = live.log.read_bytes()
    assert heard.count("***") > 20
    assert any(b"***" in content for content in files.values()), "what was masked was recorded"
    for form in FORMS:
        assert form.decode() not in heard
        for path, content in files.items():
            assert form not in content, path
