"""Waiting runs: what each costs in memory, how long a restart takes, how late they wake."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench.client import closed_loop, head
from bench.inprocess import start_runs
from bench.options import Options
from bench.server import Server, start_server
from bench.table import Row, percentile

AHEAD = 2.0  # seconds between the last request and the moment of waking
ACCEPTED_A_SECOND = 400  # what any machine takes in, so that the moment lies behind the requests
WAKES_WITHIN = 300.0


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure with and without waiting runs in turns, then wake some of them together."""
    many = f"{options.waiting:,} waiting"
    without, with_ = folder / "without", folder / "with"
    created = Row("waiting", f"creating {many}, in process", "runs/s")
    memory = Row("waiting", f"RSS with {many}, against none", "MiB")
    each = Row("waiting", "memory per waiting run", "bytes")
    restart = Row("waiting", f"restart with {many}, against none", "s")
    server = await start_server(with_)
    await server.stop()
    key = server.key
    shutil.copytree(with_, without)
    found = await start_runs(with_, _one_hour(), number=options.waiting)
    created.add(found["runs"] / found["seconds"])
    for _ in range(options.repeat):
        base, base_start = await _at_rest(without, key, options.settle)
        full, full_start = await _at_rest(with_, key, options.settle)
        memory.add(full, base)
        each.add((full - base) * 2**20 / options.waiting)
        restart.add(full_start, base_start)
    server = await start_server(with_, key)
    try:
        late = await _lateness(server, options)
    finally:
        await server.stop()
    return [created, memory, each, restart, *late]


async def _at_rest(data: Path, key: str, settle: float) -> tuple[float, float]:
    """MiB of a server that has just started on a data folder, and how long its start took."""
    server = await start_server(data, key)
    try:
        await asyncio.sleep(settle)
        return server.child.memory("VmRSS"), server.started_in
    finally:
        await server.stop()


async def _lateness(server: Server, options: Options) -> list[Row]:
    """How long after their moment runs that wait for the same one wake, and end."""
    what = f"{options.waking:,} wake together"
    woken = Row("waiting", f"{what}: wake late, p99", "ms")
    ended = Row("waiting", f"{what}: end late, p99", "ms")
    early = Row("waiting", f"{what}: earliest end", "ms")
    saved = await server.api("POST", "/api/v1/workflows", _until())
    path = "/hooks/" + saved["triggers"][0]["url"].rpartition("/")[2]
    for _ in range(options.repeat):
        began = int(time.time() * 1000)
        moment = began + int((AHEAD + options.waking / ACCEPTED_A_SECOND) * 1000)
        text = datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
        body = orjson.dumps({"until": text})
        request = head("POST", path, len(body)) + body
        load = await closed_loop(server.port, partial(_same, request), number=options.waking)
        if load.refused or time.time() * 1000 > moment:
            raise RuntimeError(f"{load.refused} refused; or they came in too slowly")
        await asyncio.sleep(moment / 1000 - time.time())
        end = time.monotonic() + WAKES_WITHIN
        while len(done := await server.view.times(saved["id"], began, "succeed")) < options.waking:
            if time.monotonic() > end:
                raise RuntimeError(f"only {len(done)} of {options.waking} runs have ended")
            await asyncio.sleep(0.5)
        wakes = await server.view.times(saved["id"], began, "wake")
        woken.add(percentile(wakes, 0.99) - moment)
        ended.add(percentile(done, 0.99) - moment)
        early.add(min(done) - moment)
    return [woken, ended, early]


def _same(request: bytes, number: int) -> bytes:
    return request


def _one_hour() -> dict[str, Any]:
    return {"name": "hour", "steps": [{"type": "delay", "config": {"seconds": 3600}}]}


def _until() -> dict[str, Any]:
    return {
        "name": "until",
        "triggers": [{"id": "hook", "type": "webhook", "config": {}}],
        "steps": [{"type": "delay", "config": {"until": "{{ trigger.body.until }}"}}],
    }
