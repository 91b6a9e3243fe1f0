"""Runs started in the process of the engine: no HTTP, the same journal.

`python -m bench.inprocess DATA_DIR DEFINITION SECONDS NUMBER DATABASE_URL` starts runs for so many
seconds, or up to that number, and prints one line of JSON: runs, seconds, cpu (seconds). An empty
URL is SQLite's file in the folder.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench.processes import printed, start_module
from minizaps.app import App, open_app
from minizaps.cli.tuning import tune_collector, tune_threads
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.journal.records import Workflow
from minizaps.journal.status import Status
from minizaps.settings import Settings

IN_FLIGHT = 300
LONG = 0.5  # seconds
BODY = {"number": 1, "customer": {"name": "Ada Lovelace", "email": "ada@acme.test"}, "total": 129.5}


async def start_runs(
    data: Path,
    definition: dict[str, Any],
    *,
    seconds: float = 1e9,
    number: int = 2**62,
    database: str = "",
) -> dict[str, float]:
    """Start runs in a process of their own; return what it printed."""
    child = start_module(
        "bench.inprocess", str(data), orjson.dumps(definition).decode(), str(seconds), str(number),
        database, folder=data.parent,
    )  # fmt: skip
    return await printed(child)


class Runs:
    """Starts runs and waits for each to leave the worker: ended, or waiting."""

    def __init__(self, app: App, workflow: Workflow) -> None:
        self._app = app
        self._workflow = workflow
        self._pending: dict[str, tuple[asyncio.Event, float]] = {}

    async def one(self) -> None:
        """Start a run and wait for it."""
        version = self._workflow.version
        trigger = {"id": "manual", "type": "manual", "body": BODY, "headers": {}, "query": {}}
        new = await self._app.engine.prepare(DEFAULT_PROJECT, self._workflow.id, version, trigger)
        run_id = (await self._app.start(new)).run_id
        # Its steps are pure: what they did is in one write, at the end.
        changed = asyncio.Event()
        self._pending[run_id] = changed, time.monotonic()
        self._app.journal.watch(run_id, changed)
        await changed.wait()
        self._app.journal.unwatch(run_id, changed)
        del self._pending[run_id]

    async def look_again(self) -> None:
        """For ever: look at the runs of which nothing was heard for long."""
        while True:
            await asyncio.sleep(LONG)
            late = time.monotonic() - LONG
            for run_id, (changed, since) in list(self._pending.items()):
                if since < late:
                    run = await self._app.listings.run(run_id, DEFAULT_PROJECT)
                    if run.status not in (Status.QUEUED, Status.RUNNING):
                        changed.set()


async def main(
    data: Path, definition: dict[str, Any], seconds: float, number: int, database: str
) -> None:
    """Start the runs, print how long they took."""
    numbers = count()
    async with open_app(Settings(data_dir=data, database_url=database)) as app:
        checked = app.engine.check(definition)
        workflow = await app.catalog.create(DEFAULT_PROJECT, checked, active=True, by="bench")
        tune_collector()
        runs = Runs(app, workflow)
        looking = asyncio.create_task(runs.look_again())
        began, cpu = time.monotonic(), time.process_time()
        ended = 0

        async def sender() -> None:
            nonlocal ended
            while time.monotonic() - began < seconds and next(numbers) < number:
                await runs.one()
                ended += 1

        await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
        looking.cancel()
        took, used = time.monotonic() - began, time.process_time() - cpu
    print(orjson.dumps({"runs": ended, "seconds": took, "cpu": used}).decode())


if __name__ == "__main__":
    tune_threads()
    folder, text, duration, most, url = sys.argv[1:]
    uvloop.run(main(Path(folder), orjson.loads(text), float(duration), int(most), url))
