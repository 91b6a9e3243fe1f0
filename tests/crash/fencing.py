"""How the others, and then it itself, find that a worker which stood still was taken for dead."""

from __future__ import annotations

import asyncio

from minizaps.journal.postgres.membership import LEASE

from .evidence import select
from .server import Hung, Server

SAID = "it was taken for dead: it goes on as worker"  # also where it drove nothing
WITHIN = 15.0
JUDGED_WITHIN = 5.0
SILENT = f"""
SELECT id FROM workers WHERE seen_at < extract(epoch FROM clock_timestamp()) * 1000 - {LEASE}
"""


async def until_judged(database: str) -> None:
    """Wait until no worker is left that is silent past its lease and not taken for dead.

    Raises:
        Hung: the others did not do it.
    """
    try:
        async with asyncio.timeout(JUDGED_WITHIN):
            while await select(database, SILENT):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Hung("a worker was paused past its lease, and nobody took it for dead") from None


def said(worker: Server) -> int:
    """How often it has said that it was taken for dead."""
    return (worker.folder / "launcher.log").read_text().count(SAID)


async def until_said(worker: Server, before: int) -> None:
    """Wait until it says so once more, or has died: its failpoint may come first.

    Raises:
        Hung: it did not.
    """
    try:
        async with asyncio.timeout(WITHIN):
            while worker.running and said(worker) == before:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Hung(f"{worker.folder.name} was paused past its lease and did not notice") from None
