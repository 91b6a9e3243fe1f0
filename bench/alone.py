"""The journal alone: three-step runs started in the engine's process, and the disk below it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.cluster import Cluster
from bench.inprocess import start_runs
from bench.options import Options
from bench.table import Row, percentile
from bench.workloads import definition

FLUSHES = 200
BLOCK = b"\0" * 4096


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure runs without HTTP, and what one durable write costs on this disk."""
    rate = Row("journal", "throughput, in process", "runs/s")
    cpu = Row("journal", "CPU per run", "us")
    middle = Row("disk", "append 4 KiB + fdatasync, p50", "ms")
    late = Row("disk", "append 4 KiB + fdatasync, p99", "ms")
    workflow = definition("W2", 0)
    for n in range(options.repeat):
        found = await start_runs(folder / f"data{n}", workflow, seconds=options.seconds)
        rate.add(found["runs"] / found["seconds"])
        cpu.add(found["cpu"] / found["runs"] * 1e6)
        times = flush_times(folder / "flushed")
        middle.add(percentile(times, 0.5))
        late.add(percentile(times, 0.99))
    return [rate, cpu, middle, late]


async def measure_postgres(folder: Path, options: Options) -> list[Row]:
    """Measure runs without HTTP on Postgres."""
    rate = Row("journal pg", "throughput, in process", "runs/s")
    cpu = Row("journal pg", "our CPU per run", "us")
    theirs = Row("journal pg", "database's CPU per run", "us")
    commits = Row("journal pg", "transactions per run", "")
    wal = Row("journal pg", "WAL per run", "bytes")
    workflow = definition("W2", 0)
    async with Cluster(folder) as cluster:
        for n in range(options.repeat):
            url = await cluster.new_database()
            before = await cluster.used()
            data = folder / f"data{n}"
            found = await start_runs(data, workflow, seconds=options.seconds, database=url)
            after, runs = await cluster.used(), found["runs"]
            rate.add(runs / found["seconds"])
            cpu.add(found["cpu"] / runs * 1e6)
            theirs.add((after.cpu - before.cpu) / runs * 1e6)
            commits.add((after.commits - before.commits) / runs)
            wal.add((after.wal - before.wal) / runs)
    return [rate, cpu, theirs, commits, wal]


def flush_times(path: Path) -> list[float]:
    """Milliseconds of each of some durable appends to a file, one after the other."""
    times = []
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(FLUSHES):
            began = time.perf_counter()
            os.write(handle, BLOCK)
            os.fdatasync(handle)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(handle)
    return times
