"""The real server as subprocesses: the API, and workers beside it."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.client import call
from bench.processes import Child, free_port, plain_environment
from bench.view import View, open_view

STARTS_WITHIN = 120.0


class Server:
    """One installation.

    Attributes:
        child: the API's process.
        children: all its processes.
        view: its database, for reading only.
        key: an admin key.
        started_in: seconds from the API's start until it was ready.
    """

    def __init__(
        self, children: Sequence[Child], port: int, view: View, key: str, started_in: float
    ) -> None:
        self.child = children[0]
        self.children = children
        self.port = port
        self.view = view
        self.key = key
        self.started_in = started_in

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

    async def stop(self) -> None:
        """Stop it as an operator does."""
        await self.view.close()
        for child in self.children:
            child.stop()


def _hook_of(workflow: dict[str, Any]) -> str:
    url: str = workflow["triggers"][0]["url"]
    return urlsplit(url).path


async def start_server(
    data: Path, key: str = "", *, workers: int | None = None, **settings: str
) -> Server:
    """Start the server; wait until it is ready.

    Args:
        key: an admin key; needed where the database has one already.
        workers: how many run as processes of their own; if left out, one in the API's process.
        settings: such as `DATABASE_URL`.
    """
    port = free_port()
    settings |= {"DATA_DIR": str(data), "HOST": "127.0.0.1"}
    url = settings.get("DATABASE_URL")
    output = data.with_name(f"{data.name}.{port}")
    command = ["serve"] if workers is None else ["serve", "--no-worker"]
    began = time.monotonic()
    children = [_start(command, output.with_suffix(".log"), PORT=str(port), **settings)]
    try:
        for n in range(workers or 0):
            children.append(_start(["worker"], output.with_suffix(f".worker{n}.log"), **settings))
        await wait_ready(children[0], port, "/health/ready")
        started_in = time.monotonic() - began
        async with asyncio.timeout(STARTS_WITHIN):
            for child in children[1:]:
                await child.says("Stop with")
        shown = re.search(r"^\s+(mz_\S+)$", children[0].output.read_text(), re.M)
        if shown is None and not key:
            raise RuntimeError("the server showed no admin key")
        view = await open_view(url or data / "minizaps.db")
    except BaseException:
        for child in children:
            child.stop()
        raise
    return Server(children, port, view, shown[1] if shown else key, started_in)


def _start(command: list[str], output: Path, **settings: str) -> Child:
    program = str(Path(sys.executable).with_name("minizaps"))
    environment = plain_environment(**settings)
    return Child([program, *command], output, env=environment, cwd=output.parent)


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
