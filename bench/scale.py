"""W1 and W2 on Postgres, as one process and as several, with brokers; SQLite beside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from tests.servers.daemon import Daemon
from tests.servers.rabbitmq import RabbitMQServer, find_rabbitmq
from tests.servers.redis import RedisServer, find_redis

from bench.client import call, closed_loop, open_loop, orders
from bench.cluster import SIZE, UNFINISHED, Cluster, Used, tree_cpu
from bench.options import Options
from bench.processes import Child, free_port, start_module
from bench.server import Server, start_server, start_worker, wait_ready
from bench.table import Row, percentile
from bench.workloads import DRAINS_WITHIN, POLL, RATE, definition

SETTLES = 1.2  # seconds until the last backend has told its counters


@dataclass(frozen=True, slots=True)
class Setup:
    """Which processes there are.

    Attributes:
        workers: beside the API; none where the API's process drives the runs.
        broker: starts one; None where the database tells of runs.
    """

    name: str
    workers: int
    broker: Callable[[], Daemon] | None = None


@dataclass(slots=True)
class Installation:
    """The processes of one setup on one database."""

    server: Server
    cluster: Cluster
    sink: int
    calls: bool
    workers: list[Child] = field(default_factory=list)
    broker: Daemon | None = None
    hook: str = ""

    def cpu(self) -> float:
        """Seconds of CPU of our processes."""
        return sum(child.cpu() for child in (self.server.child, *self.workers))

    def broker_cpu(self) -> float:
        """Seconds of CPU of the broker."""
        return tree_cpu(self.broker.pid) if self.broker else 0.0

    async def drained(self) -> None:
        """Wait until all runs have ended."""
        end = time.monotonic() + DRAINS_WITHIN
        while await self.cluster.value(UNFINISHED):
            if time.monotonic() > end:
                raise RuntimeError("not all runs have ended in time")
            await asyncio.sleep(POLL)


def setups() -> list[Setup]:
    """Those that can be measured here."""
    found = [Setup("serve", 0), Setup("1 worker", 1), Setup("2 workers", 2)]
    if find_rabbitmq() is not None:
        found.append(Setup("1 worker, RabbitMQ", 1, RabbitMQServer))
    if find_redis() is not None:
        found.append(Setup("1 worker, Redis", 1, RedisServer))
    return found


async def measure(workload: str, folder: Path, options: Options) -> list[Row]:
    """Measure a workload in each setup, and on SQLite in turns with the first."""
    rows: list[Row] = []
    sink = free_port()
    child = start_module("bench.sink", str(sink), folder=folder)
    try:
        await wait_ready(child, sink, "/ended")
        async with Cluster(folder) as cluster:
            for setup in setups():
                rows += await _measure(workload, setup, cluster, sink, folder, options)
    finally:
        child.stop()
    return rows


async def _measure(
    workload: str, setup: Setup, cluster: Cluster, sink: int, folder: Path, options: Options
) -> list[Row]:
    title = f"{workload} pg"
    rate = Row(title, f"{setup.name}: runs drained", "runs/s")
    ours = Row(title, f"{setup.name}: our CPU per run", "us")
    theirs = Row(title, f"{setup.name}: database's CPU per run", "us")
    broker = Row(title, f"{setup.name}: broker's CPU per run", "us")
    commits = Row(title, f"{setup.name}: transactions per run", "")
    wal = Row(title, f"{setup.name}: WAL per run", "bytes")
    size = Row(title, f"{setup.name}: tables and indexes per run", "bytes")
    async with AsyncExitStack() as stack:
        installation = await _install(workload, setup, cluster, sink, folder, stack)
        await _load(installation, options.warm_up)
        first_size, first_runs = await cluster.value(SIZE), await _runs(cluster)
        for _ in range(options.repeat):
            before, cpu, mid = await cluster.used(), installation.cpu(), installation.broker_cpu()
            accepted, took = await _load(installation, options.seconds)
            cpu, mid = installation.cpu() - cpu, installation.broker_cpu() - mid
            await asyncio.sleep(SETTLES)
            after = await cluster.used()
            rate.add(accepted / took)
            ours.add(cpu / accepted * 1e6)
            if setup.broker is not None:
                broker.add(mid / accepted * 1e6)
            _add_used(before, after, accepted, theirs, commits, wal)
        grown = await cluster.value(SIZE) - first_size
        size.add(grown / (await _runs(cluster) - first_runs))
    return [rate, ours, theirs, broker, commits, wal, size]


def _add_used(before: Used, after: Used, runs: int, cpu: Row, commits: Row, wal: Row) -> None:
    cpu.add((after.cpu - before.cpu) / runs * 1e6)
    commits.add((after.commits - before.commits) / runs)
    wal.add((after.wal - before.wal) / runs)


async def _install(
    workload: str,
    setup: Setup,
    cluster: Cluster,
    sink: int,
    folder: Path,
    stack: AsyncExitStack,
) -> Installation:
    settings = {"DATABASE_URL": await cluster.new_database()}
    broker = None
    if setup.broker is not None:
        broker = stack.enter_context(setup.broker())
        settings["BROKER_URL"] = broker.url
    data = folder / f"{workload}-{setup.name}".replace(" ", "-").replace(",", "")
    command = ["serve"] if not setup.workers else ["serve", "--no-worker"]
    server = await start_server(data, command=command, **settings)
    stack.callback(server.stop)
    calls = workload != "W2"
    installation = Installation(server, cluster, sink, calls, broker=broker)
    for _ in range(setup.workers):
        worker = await start_worker(data, **settings)
        stack.callback(worker.stop)
        installation.workers.append(worker)
    installation.hook = await server.create_workflow(_definition(workload, sink))
    return installation


def _definition(workload: str, sink: int) -> dict[str, Any]:
    if workload != "first":
        return definition(workload, sink)
    config = {"url": f"http://127.0.0.1:{sink}/second", "json": {"order": "{{ trigger.body }}"}}
    trigger = {"id": "hook", "type": "webhook"}
    steps = [{"id": "only", "type": "webhook", "config": config}]
    return {"name": "first", "triggers": [trigger], "steps": steps}


async def _load(installation: Installation, seconds: float) -> tuple[int, float]:
    """Full load for a while, then wait until the last run has ended; runs and seconds."""
    load = await closed_loop(installation.server.port, orders(installation.hook), seconds=seconds)
    if load.refused:
        raise RuntimeError(f"{load.refused} requests were refused")
    await installation.drained()
    return load.accepted, time.monotonic() - load.began


async def _runs(cluster: Cluster) -> int:
    return int(await cluster.value("SELECT count(*) FROM runs"))


async def first_step(folder: Path, options: Options) -> list[Row]:
    """Milliseconds from POST until the first step's call arrives, at a low and steady rate."""
    rows: list[Row] = []
    sink = free_port()
    child = start_module("bench.sink", str(sink), folder=folder)
    try:
        await wait_ready(child, sink, "/ended")
        async with Cluster(folder) as cluster:
            for setup in setups():
                async with AsyncExitStack() as stack:
                    install = await _install("first", setup, cluster, sink, folder, stack)
                    await _load(install, options.warm_up)
                    middle = Row("first step", f"{setup.name}: at 10/s, p50", "ms")
                    late = Row("first step", f"{setup.name}: at 10/s, p99", "ms")
                    for _ in range(options.repeat):
                        took = await _latencies(install, options.latency_seconds)
                        middle.add(percentile(took, 0.5))
                        late.add(percentile(took, 0.99))
                    rows += [middle, late]
    finally:
        child.stop()
    return rows


async def _latencies(installation: Installation, seconds: float) -> list[float]:
    await call(installation.sink, "POST", "/reset")
    sent_at: dict[int, float] = {}

    async def answered(n: int, sent: float, _: bytes) -> None:
        sent_at[n] = sent

    request = orders(installation.hook)
    port = installation.server.port
    await open_loop(port, request, rate=RATE, seconds=seconds, answered=answered)
    await installation.drained()
    times = orjson.loads((await call(installation.sink, "GET", "/times"))[1])
    return [(at - sent_at[n]) * 1000 for n, at in times]
