"""Whole runs, one after the other, in the process of the engine: what each costs until its end.

`python -m bench.whole_runs DATA_DIR DEFINITION NUMBER` prints one line of JSON: seconds and cpu of
all runs, and the process's peak memory in MiB.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench.processes import printed, start_module
from minizaps.app import App, open_app
from minizaps.cli.tuning import tune_collector, tune_threads
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.journal.status import ENDED, Status
from minizaps.settings import Settings

WARM_UP = 2


async def whole_runs(folder: Path, definition: dict[str, Any], number: int) -> dict[str, float]:
    """Drive some runs in a process of their own; return what it printed."""
    folder.mkdir()
    text = orjson.dumps(definition).decode()
    child = start_module("bench.whole_runs", str(folder), text, str(number), folder=folder)
    return await printed(child)


async def main(data: Path, definition: dict[str, Any], number: int) -> None:
    """Drive the runs, print how long they took."""
    async with open_app(Settings(data_dir=data)) as app:
        checked = app.engine.check(definition)
        workflow = await app.catalog.create(DEFAULT_PROJECT, checked, active=True, by="bench")
        tune_collector()
        for _ in range(WARM_UP):
            await _one(app, workflow.id)
        began, cpu = time.monotonic(), time.process_time()
        for _ in range(number):
            await _one(app, workflow.id)
        took, used = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(orjson.dumps({"seconds": took, "cpu": used, "peak": peak}).decode())


async def _one(app: App, workflow_id: str) -> None:
    trigger: dict[str, Any] = {
        "id": "manual",
        "type": "manual",
        "body": None,
        "headers": {},
        "query": {},
    }
    new = await app.engine.prepare(DEFAULT_PROJECT, workflow_id, 1, trigger)
    run_id = (await app.start(new)).run_id
    changed = asyncio.Event()
    app.journal.watch(run_id, changed)
    while (run := await app.listings.run(run_id)).status not in ENDED:
        await changed.wait()
        changed.clear()
    app.journal.unwatch(run_id, changed)
    if run.status is not Status.SUCCEEDED:
        raise RuntimeError(f"the run is {run.status}: {run.error_type}")


if __name__ == "__main__":
    tune_threads()
    folder, text, count = sys.argv[1:]
    uvloop.run(main(Path(folder), orjson.loads(text), int(count)))
