"""The journal alone: three-step runs started in the engine's process, and the disk below it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.inprocess import start_runs
from bench.options import Options
from bench.postgres import Postgres
from bench.table import Row, percentile
from bench.view import open_view
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
    """Measure runs without HTTP on Postgres, in turns with SQLite."""
    rate = Row("journal pg", "throughput, in process", "runs/s")
    cpu = Row("journal pg", "CPU per run", "us")
    theirs = Row("journal pg", "CPU per run, Postgres", "us")
    commits = Row("journal pg", "transactions per run", "")
    writes = Row("journal pg", "writing transactions per run", "")
    wal = Row("journal pg", "WAL per run", "bytes")
    size = Row("journal pg", "tables and indexes per run", "bytes")
    workflow = definition("W2", 0)
    with Postgres(folder) as postgres:
        for n in range(options.repeat):
            base = await start_runs(folder / f"sqlite{n}", workflow, seconds=options.seconds)
            url, data = postgres.create(), folder / f"postgres{n}"
            before = postgres.spent()
            found = await start_runs(data, workflow, seconds=options.seconds, database=url)
            spent, runs = postgres.spent().since(before), found["runs"]
            rate.add(runs / found["seconds"], base["runs"] / base["seconds"])
            cpu.add(found["cpu"] / runs * 1e6, base["cpu"] / base["runs"] * 1e6)
            theirs.add(spent.cpu / runs * 1e6)
            commits.add(postgres.commits(url) / runs)
            writes.add(spent.writes / runs)
            wal.add(spent.wal / runs)
            view = await open_view(url)
            size.add(await view.size() / runs)
            await view.close()
            postgres.drop(url)
    return [rate, cpu, theirs, commits, writes, wal, size]


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
