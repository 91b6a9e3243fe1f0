"""How long after its request a run's first step begins, at low load."""

from __future__ import annotations

from pathlib import Path

import orjson

from bench.brokers import brokers
from bench.client import call, open_loop, orders
from bench.layouts import EMBEDDED, ONE_WORKER, RABBITMQ, REDIS, Layout, Site
from bench.options import Options
from bench.postgres import Postgres
from bench.processes import free_port, start_module
from bench.server import wait_ready
from bench.table import Row, percentile
from bench.workloads import RATE, Target, check, definition, throughput

LAYOUTS = (ONE_WORKER, RABBITMQ, REDIS)


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure each layout with a worker of its own against SQLite in one process, once."""
    sink_port = free_port()
    sink = start_module("bench.sink", str(sink_port), folder=folder)
    rows: list[Row] = []
    try:
        await wait_ready(sink, sink_port, "/ended")
        with Postgres(folder) as postgres, brokers(folder) as found:
            site = Site(folder, postgres, found)
            base = await _one(site, EMBEDDED, sink_port, options)
            for layout in site.installed(*LAYOUTS):
                ours = await _one(site, layout, sink_port, options)
                for name, share in (("p50", 0.5), ("p99", 0.99)):
                    what = f"{layout.name}: POST to first step at {RATE:g}/s, {name}"
                    row = Row("first step", what, "ms")
                    row.add(percentile(ours, share), percentile(base, share))
                    rows.append(row)
    finally:
        sink.stop()
    return rows


async def _one(site: Site, layout: Layout, sink: int, options: Options) -> list[float]:
    """Milliseconds from each request until the run's first call is at the sink."""
    sent_at: dict[int, float] = {}

    async def answered(n: int, sent: float, body: bytes) -> None:
        sent_at[n] = sent

    async with site.start(layout) as (server, _):
        hook = await server.create_workflow(definition("W1", sink))
        target = Target(server.children, server.port, hook, sink, True, server)
        await throughput(target, options.warm_up)
        await call(sink, "POST", "/reset")
        request, seconds = orders(hook), options.first_step_seconds
        await open_loop(server.port, request, rate=RATE, seconds=seconds, answered=answered)
        await target.drained(len(sent_at))
        target.accepted += len(sent_at)
        await check(target)
        times = orjson.loads((await call(sink, "GET", "/begun"))[1])
    return [(at - sent_at[n]) * 1000 for n, at in times]
