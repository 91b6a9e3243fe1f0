"""The server in this process for most tests; `minizaps serve` where real sockets matter."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from minizaps.api import server as server_module
from minizaps.api.server import create_api, create_server
from minizaps.app import open_app
from minizaps.clock import ManualClock
from minizaps.settings import Settings
from tests.api.support import PATIENCE, Server, Sink

SECRET_KEY = base64.b64encode(b"0123456789abcdef" * 2).decode()
ROUTES = create_api()  # once a process: making them takes longer than most tests


@pytest.fixture
async def open_server(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    """Opens an installation with settings of the test's choice."""
    monkeypatch.setattr(server_module, "create_api", lambda: ROUTES)
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Server:
            clock = ManualClock()
            if not database_url.startswith("sqlite"):  # there the data folder has a key of its own
                settings.setdefault("secret_key", SECRET_KEY)
            chosen = Settings(
                data_dir=tmp_path,
                database_url=database_url,
                shutdown_grace=0,
                **settings,
                _env_file=None,
            )
            app = await stack.enter_async_context(open_app(chosen, clock=clock))
            server = await Server(app, create_server(app), clock).__aenter__()
            for client in server.clients:
                stack.push_async_callback(client.aclose)
            return server

        yield start


@pytest.fixture
async def server(open_server: Callable[..., Any]) -> Server:
    """An open installation, with the client `admin`."""
    return await open_server()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """A server on loopback that the steps call."""
    sink = Sink()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", sink.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield sink
    for block in sink.blocks:
        block.set()
    await runner.cleanup()


@dataclass(frozen=True)
class Live:
    """A running `minizaps serve`."""

    url: str
    key: str
    hook: str
    pid: int
    data: Path
    log: Path

    def client(self) -> httpx.Client:
        """A client with the admin key; the caller closes it."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Live]:
    """Run `minizaps serve` on a free port; its log shows no traceback at the end."""
    log = folder / "log"
    own = {"MINIZAPS_DATA_DIR": str(folder / "data"), "MINIZAPS_PORT": "0", **variables}
    rest = {k: v for k, v in os.environ.items() if not k.startswith("MINIZAPS_")}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("minizaps")), "serve"],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**rest, **own},
            cwd=folder,
            text=True,
        )
    assert process.stdout is not None
    try:
        said = ""
        while "Stop with" not in said:
            line = process.stdout.readline()
            assert line, log.read_text()
            said += line
        url = re.search(r"Mini-Zaps on (\S+)", said)
        key = re.search(r"^ +(mz_\S+)$", said, re.MULTILINE)
        hook = re.search(r"(http\S+/hooks/\S+)", said)
        assert url, said
        assert key, said
        assert hook, said
        yield Live(url[1], key[1], hook[1], process.pid, folder / "data", log)
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running server that several tests share."""
    with serving(tmp_path_factory.mktemp("live")) as live:
        yield live
