"""Waiting for a run's end while its starter is connected."""

from __future__ import annotations

import asyncio

from minizaps.app import App
from minizaps.journal.status import ENDED
from minizaps.worker.duties import wait_for

FIRST_LOOK = 0.03  # seconds
LOOK_AGAIN = 0.5  # seconds: finds what another process has written


async def wait_for_end(app: App, run_id: str, project: str, seconds: float) -> bool:
    """Whether a run ends within some seconds, or has ended."""
    changed = asyncio.Event()
    app.journal.watch(run_id, changed)
    pause = FIRST_LOOK
    try:
        async with asyncio.timeout(seconds):
            while (await app.listings.run(run_id, project)).status not in ENDED:
                await wait_for(changed, pause)
                changed.clear()
                # A worker elsewhere drives the run: a short one is soon seen, a long one cheaply.
                pause = min(pause * 1.5, LOOK_AGAIN)
        return True
    except TimeoutError:
        return False
    finally:
        app.journal.unwatch(run_id, changed)
