"""W1 and W2: a hook starts a run, against the floor that keeps nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
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
POLL = 0.02
DRAINS_WITHIN = 300.0


@dataclass(slots=True)
class Target:
    """What takes the load: Mini-Zaps, or the floor.

    Attributes:
        children: its processes.
        server: Mini-Zaps; None for the floor.
        calls: whether a run calls the sink, so that the floor's runs end there.
        accepted: runs so far.
    """

    children: Sequence[Child]
    port: int
    path: str
    sink: int
    calls: bool
    server: Server | None = None
    accepted: int = 0

    def cpu(self) -> float:
        """Seconds of CPU so far, of all its processes."""
        return sum(child.cpu() for child in self.children)

    async def drained(self, runs: int) -> None:
        """Wait until all runs have ended.

        Args:
            runs: how many there were since the sink was reset.
        """
        end = time.monotonic() + DRAINS_WITHIN
        while await self._unfinished(runs):
            for child in self.children:
                child.check()
            if time.monotonic() > end:
                raise RuntimeError(f"{self.path}: not all runs have ended in time")
            await asyncio.sleep(POLL)

    async def _unfinished(self, runs: int) -> bool:
        if self.server is not None:
            return await self.server.view.unfinished()
        return self.calls and int((await call(self.sink, "GET", "/ended"))[1]) < runs


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
        children += server.children
        hook = await server.create_workflow(definition(workload, sink_port))

        calls = workload == "W1"
        real = Target(server.children, server.port, hook, sink_port, calls, server)
        floor = Target([children[1]], floor_port, f"/{workload.lower()}", sink_port, calls)
        for target in (real, floor):
            await throughput(target, options.warm_up)
        for _ in range(options.repeat):
            ours = await throughput(real, options.seconds)
            bare = await throughput(floor, options.seconds)
            rate.add(ours.runs_per_second, bare.runs_per_second)
            cpu.add(ours.cpu_us, bare.cpu_us)
            client.add(100 * ours.client_share, 100 * bare.client_share)
            ours_ms = await latency(real, options.latency_seconds)
            bare_ms = await latency(floor, options.latency_seconds)
            middle.add(percentile(ours_ms, 0.5), percentile(bare_ms, 0.5))
            late.add(percentile(ours_ms, 0.99), percentile(bare_ms, 0.99))
        await check(real)
        peak.add(server.child.memory("VmHWM"), children[1].memory("VmHWM"))
    finally:
        for child in reversed(children):
            child.stop()
    return [rate, cpu, middle, late, peak, client]


async def throughput(target: Target, seconds: float) -> Throughput:
    """Full load for a while, then wait until the last run has ended."""
    if target.calls:
        await call(target.sink, "POST", "/reset")
    cpu, own = target.cpu(), time.process_time()
    load = await closed_loop(target.port, orders(target.path), seconds=seconds)
    client_share = (time.process_time() - own) / (time.monotonic() - load.began)
    if load.refused:
        raise RuntimeError(f"{target.path}: {load.refused} requests were refused")
    await target.drained(load.accepted)
    took = time.monotonic() - load.began
    used = target.cpu() - cpu
    target.accepted += load.accepted
    return Throughput(load.accepted / took, used / load.accepted * 1e6, client_share)


async def latency(target: Target, seconds: float) -> list[float]:
    """Milliseconds from the request until the run's end, at a low and steady rate.

    A run with calls has ended when the sink has the second one; another one when a reader of the
    journal sees its end, so that its commit is on disk.
    """
    if target.calls:
        await call(target.sink, "POST", "/reset")
    sent_at: dict[int, float] = {}
    took: list[float] = []

    async def answered(n: int, sent: float, body: bytes) -> None:
        sent_at[n] = sent
        if target.server is not None and not target.calls:
            run_id = orjson.loads(body)["run_id"]
            await target.server.view.end(run_id)
        took.append((time.monotonic() - sent) * 1000)

    request = orders(target.path)
    await open_loop(target.port, request, rate=RATE, seconds=seconds, answered=answered)
    await target.drained(len(sent_at))
    target.accepted += len(sent_at)
    if not target.calls:
        return took
    times = orjson.loads((await call(target.sink, "GET", "/times"))[1])
    return [(at - sent_at[n]) * 1000 for n, at in times]


async def check(target: Target) -> None:
    """Every accepted run has succeeded, or the figures mean nothing."""
    assert target.server is not None
    if (found := await target.server.view.succeeded()) != target.accepted:
        raise RuntimeError(f"{target.accepted} runs were accepted, {found} succeeded")
