"""Runs a definition on the real engine and returns the ended run, for a connector's tests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from minizaps.app import open_app
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.journal.records import Event, Run
from minizaps.journal.status import ENDED
from minizaps.settings import Settings


async def run_to_its_end(
    definition: dict[str, Any], body: Any, folder: Path
) -> tuple[Run, list[Event]]:
    """Save the definition, start a run with `body` and wait until it has ended."""
    async with open_app(Settings(data_dir=folder)) as app:
        checked = app.engine.check(definition)
        workflow = await app.catalog.create(DEFAULT_PROJECT, checked, active=True, by="test")
        trigger = {"id": "manual", "type": "manual", "body": body, "headers": {}, "query": {}}
        new = await app.engine.prepare(DEFAULT_PROJECT, workflow.id, workflow.version, trigger)
        changed = asyncio.Event()
        started = await app.start(new)
        app.journal.watch(started.run_id, changed)
        while True:
            run = await app.listings.run(started.run_id, DEFAULT_PROJECT)
            if run.status in ENDED:
                app.journal.unwatch(started.run_id, changed)
                return run, await app.listings.events(started.run_id)
            await asyncio.wait_for(changed.wait(), 10)
            changed.clear()
