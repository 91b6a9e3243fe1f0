from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from minizaps.cli.main import main
from tests.cli.processes import Server
from tests.cli.sink import Sink


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Minizaps = Callable[..., Result]

HELLO = {
    "name": "hello",
    "triggers": [{"type": "webhook"}],
    "steps": [
        {"type": "set", "config": {"values": {"greeting": "Hello {{ trigger.body.name }}"}}},
        {"type": "delay", "config": {"seconds": 0.05}},
        {"type": "set", "config": {"values": {"said": "{{ greeting }}!"}}},
    ],
}
BROKEN = {
    "name": "broken",
    "steps": [
        {"id": "call", "type": "webhook", "config": {"url": "http://127.0.0.1:1/"},
         "retry": {"max_attempts": 2, "delay": 0.3, "jitter": False}},
    ],
}  # fmt: skip


@pytest.fixture
def minizaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Minizaps:
    """The command, in an empty folder with the definitions hello.json and broken.json."""
    monkeypatch.chdir(tmp_path)
    for name in ("MINIZAPS_URL", "MINIZAPS_PORT", "MINIZAPS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for definition in (HELLO, BROKEN):
        (tmp_path / f"{definition['name']}.json").write_bytes(orjson.dumps(definition))

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["minizaps", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        if isinstance(code, str):
            return Result(1, out, code)
        return Result(int(code or 0), out, err)

    return run


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*command: str, **settings: str) -> Server:
        servers.append(Server(tmp_path, *command, **settings))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        elif server.process.stdout is not None:
            server.process.stdout.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        thread = threading.Thread(target=sink.serve_forever)
        thread.start()
        yield sink
        sink.done.set()
        sink.shutdown()
        thread.join()
