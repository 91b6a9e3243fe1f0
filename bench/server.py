"""The real server, as a subprocess on a data folder."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apsw
import orjson

from bench.client import call
from bench.processes import Child, free_port, plain_environment

STARTS_WITHIN = 120.0
UNFINISHED = """SELECT 1 FROM runs WHERE status = 'queued'
UNION ALL SELECT 1 FROM runs WHERE status = 'running' LIMIT 1"""


class Server:
    """`minizaps serve` on a data folder.

    Attributes:
        key: an admin key.
        started_in: seconds from the process's start until it was ready.
        database: its database, for reading only: to look costs the server nothing.
    """

    def __init__(self, child: Child, data: Path, port: int) -> None:
        self.child = child
        self.data = data
        self.port = port
        self.key = ""
        self.started_in = 0.0
        self.database = apsw.Connection(str(data / "minizaps.db"), flags=apsw.SQLITE_OPEN_READONLY)

    async def api(self, method: str, path: str, data: Any = None) -> Any:
        """Call the API; return the answer's JSON."""
        status, body = await call(self.port, method, path, data, self.key or None)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {body.decode(errors='replace')}")
        return orjson.loads(body)

    async def create_workflow(self, definition: dict[str, Any]) -> str:
        """Save a workflow; return the path of its hook."""
        return _hook_of(await self.api("POST", "/api/v1/workflows", definition))

    async def hook(self, name: str) -> str:
        """The path of the hook of a workflow that exists."""
        return _hook_of(await self.api("GET", f"/api/v1/workflows/{name}"))

    def unfinished(self) -> bool:
        """Whether any run is queued or running, by the journal."""
        return self.database.execute(UNFINISHED).get is not None

    def succeeded(self) -> int:
        """How many runs have succeeded, by the journal."""
        return int(
            self.database.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'").get
        )

    def stop(self) -> None:
        """Stop it as an operator does."""
        self.database.close()
        self.child.stop()


def _hook_of(workflow: dict[str, Any]) -> str:
    url: str = workflow["triggers"][0]["url"]
    return urlsplit(url).path


async def start_server(data: Path, key: str = "") -> Server:
    """Start the server; wait until it is ready.

    Args:
        key: an admin key; needed where the data folder has one already.
    """
    port = free_port()
    environment = plain_environment(DATA_DIR=str(data), PORT=str(port), HOST="127.0.0.1")
    command = [str(Path(sys.executable).with_name("minizaps")), "serve"]
    output = data.with_name(f"{data.name}.{port}.log")
    began = time.monotonic()
    child = Child(command, output, env=environment, cwd=data.parent)
    await wait_ready(child, port, "/health/ready")
    server = Server(child, data, port)
    server.started_in = time.monotonic() - began
    shown = re.search(r"^\s+(mz_\S+)$", output.read_text(), re.M)
    server.key = shown[1] if shown else key
    if not server.key:
        server.stop()
        raise RuntimeError("the server showed no admin key")
    return server


async def wait_ready(child: Child, port: int, path: str) -> None:
    """Wait until a process answers."""
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        child.check()
        try:
            status, _ = await call(port, "GET", path)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        if status < 400:
            return
        await asyncio.sleep(0.01)
    child.stop()
    raise RuntimeError(f"nothing answers at {path} within {STARTS_WITHIN:g} s")
