"""`minizaps serve` as a process: its greeting, its end by kill -9 and by SIGTERM."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

SLOW = {
    "name": "slow",
    "steps": [
        {"type": "set", "config": {"values": {"before": 1}}},
        {"type": "delay", "config": {"seconds": 1.5}},
        {"type": "set", "config": {"values": {"after": "{{ before + 1 }}"}}},
    ],
}


class Server:
    def __init__(self, folder: Path, **settings: str) -> None:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MINIZAPS_")},
            "MINIZAPS_PORT": "0",
            **settings,
        }
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("minizaps"), "serve"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.greeting = ""

    def wait(self) -> Server:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.greeting += line
            if line.startswith("Stop with"):
                return self
        raise AssertionError(f"the server did not start: {self.greeting}")

    @property
    def url(self) -> str:
        return self.greeting.split()[2]

    @property
    def key(self) -> str:
        found = re.search(r"mz_\S+", self.greeting)
        assert found, self.greeting
        return found[0]

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.greeting += self.process.stdout.read()
        self.process.stdout.close()
        return code


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        servers.append(Server(tmp_path, **settings))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        elif server.process.stdout is not None:
            server.process.stdout.close()


def until_ended(api: httpx.Client, run_id: str) -> dict[str, Any]:
    for _ in range(100):
        run: dict[str, Any] = api.get(f"/runs/{run_id}").json()
        if run["finished_at"]:
            return run
        time.sleep(0.1)
    raise AssertionError(f"the run did not end: {run}")


def client(server: Server, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=server.url + "/api/v1", headers=headers)


def test_the_printed_curl_line_starts_the_example(serve: Callable[..., Server]) -> None:
    server = serve().wait()
    line = next(x for x in server.greeting.splitlines() if x.strip().startswith("curl"))
    answer = subprocess.run(["bash", "-c", f"{line} -s"], capture_output=True, check=True)
    with client(server, server.key) as api:
        run = until_ended(api, orjson.loads(answer.stdout)["run_id"])
    assert run["output"] == {"said": "Hello, Ada! The server is live."}


def test_a_kill_in_the_middle_and_a_restart_finish_the_run(serve: Callable[..., Server]) -> None:
    first = serve().wait()
    key = first.key
    with client(first, key) as api:
        workflow = api.post("/workflows", json=SLOW).json()["id"]
        run_id = api.post(f"/workflows/{workflow}/runs", json={}).json()["id"]
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    second = serve().wait()
    assert "mz_" not in second.greeting
    with client(second, key) as api:
        run = until_ended(api, run_id)
        steps = api.get(f"/runs/{run_id}/steps").json()["items"]
    assert run["output"] == {"after": 2}
    assert [len(step["attempts"]) for step in steps] == [1, 1, 1]


def test_sigterm_stops_the_server_cleanly(serve: Callable[..., Server]) -> None:
    server = serve().wait()
    with client(server, server.key) as api:
        workflow = api.post("/workflows", json=SLOW).json()["id"]
        api.post(f"/workflows/{workflow}/runs", json={})
    assert server.stop(signal.SIGTERM) == 0
    assert "Traceback" not in server.greeting


def test_a_second_server_on_the_same_data_is_refused(serve: Callable[..., Server]) -> None:
    serve().wait()
    second = serve()
    output, _ = second.process.communicate(timeout=20)
    assert second.process.returncode == 1
    assert "another Mini-Zaps worker runs on" in output
    assert "Traceback" not in output


def test_a_port_in_use_is_said(serve: Callable[..., Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = serve(MINIZAPS_PORT=str(taken.getsockname()[1]))
        output, _ = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert "set MINIZAPS_HOST or MINIZAPS_PORT" in output


def test_an_open_address_without_keys_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(MINIZAPS_HOST="0.0.0.0")
    output, _ = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert "make one first (minizaps keys create" in output
