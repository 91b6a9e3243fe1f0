"""W1 and W2: a hook starts a run, against the floor that keeps nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.client import call, closed_loop, open_loop, orders
from bench.options import Options
from bench.processes import Child, free_port, start_module
from bench.server import Server, start_server, wait_ready
from bench.table import Row, percentile

RATE = 10.0  # runs a second, for latency
POLL = 0.05
DRAINS_WITHIN = 300.0


@dataclass(frozen=True, slots=True)
class Target:
    """What takes the load: Mini-Zaps or the floor.

    Attributes:
        ended: how many runs have ended so far.
    """

    child: Child
    port: int
    path: str
    ended: Callable[[], Awaitable[int]]
    server: Server | None = None


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one phase of full load gave."""

    runs_per_second: float
    cpu_us: float
    client_share: float


def definition(workload: str, sink: int) -> dict[str, Any]:
    """The workflow of W1 or W2."""
    url = f"http://127.0.0.1:{sink}"
    steps: list[dict[str, Any]]
    if workload == "W1":
        steps = [
            {"id": "order", "type": "set", "config": {"values": {"order": "{{ trigger.body }}"}}},
            {"id": "first", "type": "webhook",
             "config": {"url": f"{url}/first", "json": "{{ order }}"}},
            {"id": "second", "type": "webhook",
             "config": {"url": f"{url}/second", "json": "{{ steps.first.body }}"}},
        ]  # fmt: skip
    else:
        steps = [
            {"id": "order", "type": "set", "config": {"values": {"order": "{{ trigger.body }}"}}},
            {"id": "total", "type": "set", "config": {"values": {"total": "{{ order.total }}"}}},
            {"id": "text", "type": "set", "config": {"values": {
                "text": "{{ order.customer.name }} pays {{ total }}"}}},
        ]  # fmt: skip
    trigger = {"id": "hook", "type": "webhook", "config": {}}
    return {"name": workload.lower(), "triggers": [trigger], "steps": steps}


async def measure(workload: str, folder: Path, options: Options) -> list[Row]:
    """Measure a workload, Mini-Zaps and the floor in turns."""
    rate = Row(workload, "throughput, drained", "runs/s")
    cpu = Row(workload, "CPU per run", "us")
    middle = Row(workload, "latency at 10/s, p50", "ms")
    late = Row(workload, "latency at 10/s, p99", "ms")
    peak = Row(workload, "peak memory", "MiB")
    client = Row(workload, "load client's CPU", "% core")
    sink_port, floor_port = free_port(), free_port()
    children = [start_module("bench.sink", str(sink_port), folder=folder)]
    try:
        await wait_ready(children[0], sink_port, "/ended")
        children.append(start_module("bench.floor", str(floor_port), str(sink_port), folder=folder))
        await wait_ready(children[1], floor_port, "/ready")
        server = await start_server(folder / workload)
        children.append(server.child)
        hook = await server.create_workflow(definition(workload, sink_port))

        async def sink_ended() -> int:
            return int((await call(sink_port, "GET", "/ended"))[1])

        path = f"/{workload.lower()}"
        real = Target(server.child, server.port, hook, server.ended, server)
        floor = Target(children[1], floor_port, path, sink_ended)
        for target in (real, floor):
            await throughput(workload, target, options.warm_up)
        for _ in range(options.repeat):
            await call(sink_port, "POST", "/reset")
            ours = await throughput(workload, real, options.seconds)
            await call(sink_port, "POST", "/reset")
            bare = await throughput(workload, floor, options.seconds)
            rate.add(ours.runs_per_second, bare.runs_per_second)
            cpu.add(ours.cpu_us, bare.cpu_us)
            client.add(100 * ours.client_share, 100 * bare.client_share)
            ours_ms = await latency(workload, real, sink_port, options.latency_seconds)
            bare_ms = await latency(workload, floor, sink_port, options.latency_seconds)
            middle.add(percentile(ours_ms, 0.5), percentile(bare_ms, 0.5))
            late.add(percentile(ours_ms, 0.99), percentile(bare_ms, 0.99))
        peak.add(server.child.memory("VmHWM"), children[1].memory("VmHWM"))
    finally:
        for child in reversed(children):
            child.stop()
    return [rate, cpu, middle, late, peak, client]


async def throughput(workload: str, target: Target, seconds: float) -> Throughput:
    """Full load for a while, then wait until the last run has ended."""
    before, cpu, own = await target.ended(), target.child.cpu(), time.process_time()
    load = await closed_loop(target.port, orders(target.path), seconds=seconds)
    client_share = (time.process_time() - own) / (time.monotonic() - load.began)
    if load.refused:
        raise RuntimeError(f"{workload}: {load.refused} requests were refused")
    if target.server is not None or workload == "W1":
        await drained(target, before + load.accepted)
    took = time.monotonic() - load.began
    used = target.child.cpu() - cpu
    return Throughput(load.accepted / took, used / load.accepted * 1e6, client_share)


async def drained(target: Target, ended: int) -> None:
    """Wait until that many runs have ended."""
    end = time.monotonic() + DRAINS_WITHIN
    while (now := await target.ended()) < ended:
        target.child.check()
        if time.monotonic() > end:
            raise RuntimeError(f"only {now} of {ended} runs have ended")
        await asyncio.sleep(POLL)


async def latency(workload: str, target: Target, sink: int, seconds: float) -> list[float]:
    """Milliseconds from the request until the run's end, at a low and steady rate."""
    await call(sink, "POST", "/reset")
    sent_at: dict[int, float] = {}
    took: list[float] = []
    database = None if target.server is None else target.server.database()

    async def answered(n: int, sent: float, body: bytes) -> None:
        sent_at[n] = sent
        if workload == "W1":
            return
        if database is not None:
            # A reader sees the end once it is committed.
            run_id = orjson.loads(body)["run_id"]
            query = "SELECT 1 FROM runs WHERE id = ? AND finished_at IS NOT NULL"
            while not database.execute(query, (run_id,)).get:
                await asyncio.sleep(0.001)
        took.append((time.monotonic() - sent) * 1000)

    before = await target.ended()
    request = orders(target.path)
    await open_loop(target.port, request, rate=RATE, seconds=seconds, answered=answered)
    if workload == "W1":
        if target.server is None:
            before = 0
        await drained(target, before + len(sent_at))
        times = orjson.loads((await call(sink, "GET", "/times"))[1])
        took = [(at - sent_at[n]) * 1000 for n, at in times]
    if database is not None:
        database.close()
    return took
