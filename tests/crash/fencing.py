"""What a worker says when it finds that it was taken for dead."""

from __future__ import annotations

import asyncio

from .server import Hung, Server

SAID = "it was taken for dead: it goes on as worker"  # also where it drove nothing
WITHIN = 15.0


def said(worker: Server) -> int:
    """How often it has said so."""
    return (worker.folder / "launcher.log").read_text().count(SAID)


async def until_said(worker: Server, before: int) -> None:
    """Wait until it says so once more.

    Raises:
        Hung: it did not.
    """
    try:
        async with asyncio.timeout(WITHIN):
            while said(worker) == before:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Hung(f"{worker.folder.name} was paused past its lease and did not notice") from None
