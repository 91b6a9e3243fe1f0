"""Growth: what a million ended runs in the database change."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from statistics import median

from bench.client import Connection, closed_loop, connect, head, orders
from bench.copies import copy_runs
from bench.options import Options
from bench.server import start_server
from bench.table import Row, percentile
from bench.workloads import Target, definition, throughput

FEW = 1_000
WARM = 20


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure with few and with many ended runs, in turns."""
    few, many = folder / "few", folder / "many"
    key = await _record(few)
    shutil.copytree(few, many)
    copy_runs(many / "minizaps.db", options.many - FEW)
    what = f"{options.many:,} ended runs against {FEW:,}"
    rate = Row("growth", f"W2 throughput, {what}", "runs/s")
    cpu = Row("growth", "W2 CPU per run", "us")
    middle = Row("growth", "GET /api/v1/runs?limit=50, p50", "ms")
    late = Row("growth", "GET /api/v1/runs?limit=50, p99", "ms")
    peak = Row("growth", "peak memory", "MiB")
    rows = [rate, cpu, middle, late, peak]
    for _ in range(options.repeat):
        base = await _one(_fresh(few, folder), key, options)
        full = await _one(many, key, options)
        for row, here, there in zip(rows, full, base, strict=True):
            row.add(here, there)
    for row in rows:
        change = 100 * (median(row.values) / median(row.floor) - 1)
        row.ratio = f"{change:+.0f} %"
    return rows


async def _record(data: Path) -> str:
    """Make real ended runs, to be copied; return the admin key."""
    server = await start_server(data)
    try:
        hook = await server.create_workflow(definition("W2", 0))
        await closed_loop(server.port, orders(hook), number=FEW)
        await Target(server.children, server.port, hook, 0, False, server).drained(FEW)
    finally:
        await server.stop()
    return server.key


def _fresh(data: Path, folder: Path) -> Path:
    """A new copy of a small data folder: what is measured adds runs to it."""
    copy = folder / f"{data.name}-copy"
    shutil.rmtree(copy, ignore_errors=True)
    return Path(shutil.copytree(data, copy))


async def _one(data: Path, key: str, options: Options) -> tuple[float, float, float, float, float]:
    """Runs a second, CPU a run, p50 and p99 of the list of runs, peak memory."""
    server = await start_server(data, key)
    try:
        connection = await connect(server.port)
        request = head("GET", "/api/v1/runs?limit=50", 0, key)
        await _read(connection, request, WARM)
        times = await _read(connection, request, options.listings)
        connection.close()
        target = Target(server.children, server.port, await server.hook("w2"), 0, False, server)
        await throughput(target, options.warm_up)
        load = await throughput(target, options.seconds)
        return (
            load.runs_per_second, load.cpu_us, percentile(times, 0.5), percentile(times, 0.99),
            server.child.memory("VmHWM"),
        )  # fmt: skip
    finally:
        await server.stop()


async def _read(connection: Connection, request: bytes, times: int) -> list[float]:
    """Milliseconds of each of some requests, one after the other."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        status, body = await connection.send(request)
        took.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise RuntimeError(f"the list of runs: {status} {body[:200]!r}")
    return took
