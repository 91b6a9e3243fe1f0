"""Schedules that are due in the same moment: how late each fires, and what a fire costs.

`python -m bench.schedules DATA_DIR NUMBER DATABASE_URL` saves so many schedules for one moment,
lets it come, and prints one line of JSON: late (p99, milliseconds), last (milliseconds until all
runs had ended), cpu (seconds a fire, its run of one step included). An empty URL is SQLite's file.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench.options import Options
from bench.postgres import Postgres
from bench.processes import printed, start_module
from bench.table import Row, percentile
from minizaps.app import App, open_app
from minizaps.cli.tuning import tune_collector, tune_threads
from minizaps.clock import to_text
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.journal.listings import RunFilter
from minizaps.journal.records import Run
from minizaps.settings import Settings

SAVED_A_SECOND = 100  # what any machine takes in, so that the moment lies behind
WITHIN = 60.0  # seconds
DAY = 86_400


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure on both databases, in turns."""
    what = f"{options.schedules:,} due together"
    rows = {
        (where, key): Row("schedules", f"{where}: {what}: {name}", unit)
        for where in ("SQLite", "Postgres")
        for key, name, unit in (
            ("late", "fired late, p99", "ms"),
            ("last", "until the last run has ended", "ms"),
            ("cpu", "CPU per fire, its run included", "us"),
        )
    }
    with Postgres(folder) as postgres:
        for turn in range(options.repeat):
            for where, url in (("SQLite", ""), ("Postgres", postgres.create())):
                data = folder / f"{where}-{turn}"
                child = start_module(
                    "bench.schedules", str(data), str(options.schedules), url, folder=folder
                )
                found = await printed(child)
                rows[where, "late"].add(found["late"])
                rows[where, "last"].add(found["last"])
                rows[where, "cpu"].add(found["cpu"] * 1e6)
    return list(rows.values())


async def main(data: Path, number: int, database: str) -> None:
    """Save the schedules, let them fire, print how that went."""
    async with open_app(Settings(data_dir=data, database_url=database)) as app:
        tune_collector()
        moment = app.clock.now() + (3 + number // SAVED_A_SECOND) * 1000
        for n in range(number):
            checked = app.engine.check(_daily(n, str(to_text(moment))))
            await app.catalog.create(DEFAULT_PROJECT, checked, active=True, by="bench")
        if app.clock.now() > moment - 1000:
            raise RuntimeError("the schedules were saved too slowly")
        await asyncio.sleep((moment - app.clock.now()) / 1000 - 0.5)
        cpu = time.process_time()
        await asyncio.sleep(0.5)
        await _all_ended(app)
        used = time.process_time() - cpu
        runs = await app.listings.runs(RunFilter(DEFAULT_PROJECT), 2 * number)
        if len({run.workflow_id for run in runs}) != number or len(runs) != number:
            raise RuntimeError(f"{len(runs)} runs of {number} schedules")
        found = {
            "late": percentile([run.created_at - moment for run in runs], 0.99),
            "last": max(_ended(run) for run in runs) - moment,
            "cpu": used / number,
        }
    print(orjson.dumps(found).decode())


async def _all_ended(app: App) -> None:
    end = time.monotonic() + WITHIN
    while await app.triggers.due("schedule", 1) or await app.listings.live_counts():
        if time.monotonic() > end:
            raise RuntimeError("some schedules have not fired")
        await asyncio.sleep(0.1)


def _ended(run: Run) -> int:
    if run.finished_at is None:
        raise RuntimeError(f"run {run.id} has not ended")
    return run.finished_at


def _daily(number: int, start: str) -> dict[str, Any]:
    trigger = {"id": "daily", "type": "schedule", "config": {"every": DAY, "start": start}}
    step = {"type": "set", "config": {"values": {"n": number}}}
    return {"name": f"daily-{number}", "triggers": [trigger], "steps": [step]}


if __name__ == "__main__":
    tune_threads()
    folder, count, url = sys.argv[1:]
    uvloop.run(main(Path(folder), int(count), url))
