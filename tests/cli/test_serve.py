"""`minizaps serve` as a process: its greeting, its end by kill -9 and by SIGTERM."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable

import orjson

from tests.cli.processes import Server, client, until_ended

SLOW = {
    "name": "slow",
    "steps": [
        {"type": "set", "config": {"values": {"before": 1}}},
        {"type": "delay", "config": {"seconds": 1.5}},
        {"type": "set", "config": {"values": {"after": "{{ before + 1 }}"}}},
    ],
}


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
