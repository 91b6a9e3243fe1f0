"""W1 and W2 on Postgres: in one process, with workers beside the API, with brokers."""

from __future__ import annotations

from pathlib import Path

from bench.brokers import brokers
from bench.layouts import (
    EMBEDDED,
    ONE_PROCESS,
    ONE_WORKER,
    RABBITMQ,
    REDIS,
    TWO_WORKERS,
    Layout,
    Site,
)  # fmt: skip
from bench.options import Options
from bench.postgres import Postgres
from bench.processes import free_port, start_module
from bench.server import wait_ready
from bench.table import Row
from bench.workloads import Target, check, definition, throughput

WORKLOADS = ("W1", "W2")
ON_POSTGRES = (ONE_PROCESS, ONE_WORKER, TWO_WORKERS, RABBITMQ, REDIS)
MEASURES = {
    "throughput, drained": "runs/s",
    "CPU per run": "us",
    "CPU per run, Postgres": "us",
    "CPU per run, broker": "us",
    "transactions per run": "",
    "writing transactions per run": "",
    "WAL per run": "bytes",
    "tables and indexes per run": "bytes",
}


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure each layout against SQLite in one process, in turns."""
    sink_port = free_port()
    sink = start_module("bench.sink", str(sink_port), folder=folder)
    rows: dict[tuple[str, str, str], Row] = {}
    try:
        await wait_ready(sink, sink_port, "/ended")
        with Postgres(folder) as postgres, brokers(folder) as found:
            site = Site(folder, postgres, found)
            for _ in range(options.repeat):
                for workload in WORKLOADS:
                    base = await _one(site, EMBEDDED, workload, sink_port, options)
                    for layout in site.installed(*ON_POSTGRES):
                        ours = await _one(site, layout, workload, sink_port, options)
                        for measure, value in ours.items():
                            row = Row(workload, f"{layout.name}: {measure}", MEASURES[measure])
                            row = rows.setdefault((workload, layout.name, measure), row)
                            row.add(value, base.get(measure))
    finally:
        sink.stop()
    return [row for workload in WORKLOADS for row in rows.values() if row.workload == workload]


async def _one(
    site: Site, layout: Layout, workload: str, sink_port: int, options: Options
) -> dict[str, float]:
    """One layout under full load, once."""
    async with site.start(layout) as (server, url):
        hook = await server.create_workflow(definition(workload, sink_port))
        calls = workload == "W1"
        target = Target(server.children, server.port, hook, sink_port, calls, server)
        await throughput(target, options.warm_up)
        warm, before, broker = target.accepted, site.postgres.spent(), site.broker_cpu(layout)
        load = await throughput(target, options.scale_seconds)
        spent, broker = site.postgres.spent().since(before), site.broker_cpu(layout) - broker
        await check(target)
        size = await server.view.size() if url else 0
    found = {"throughput, drained": load.runs_per_second, "CPU per run": load.cpu_us}
    if not url:
        return found
    runs = target.accepted - warm
    found["CPU per run, Postgres"] = spent.cpu / runs * 1e6
    if layout.broker is not None:
        found["CPU per run, broker"] = broker / runs * 1e6
    found["transactions per run"] = site.postgres.commits(url) / target.accepted
    found["writing transactions per run"] = spent.writes / runs
    found["WAL per run"] = spent.wal / runs
    found["tables and indexes per run"] = size / target.accepted
    site.postgres.drop(url)
    return found
