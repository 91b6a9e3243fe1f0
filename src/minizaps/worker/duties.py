"""The background duties of a worker process, each a file with a `run_once`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from minizaps.errors import JournalUnavailable

logger = logging.getLogger("minizaps.worker")


class Duty(Protocol):
    """What a process does again and again, beside its work."""

    async def run_once(self) -> object: ...

    async def pause(self) -> object: ...


async def repeat(
    run_once: Callable[[], Awaitable[object]], pause: Callable[[], Awaitable[object]]
) -> None:
    """Do a duty for ever; a journal that takes no writes delays it, it does not end it."""
    available = True
    while True:
        try:
            await run_once()
            if not available:
                logger.warning("the journal takes writes again")
            available = True
        except JournalUnavailable as error:
            if available:
                logger.error("%s", error)
            available = False
        except Exception:
            logger.exception("a background duty failed; it goes on")
            await asyncio.sleep(1)
        await pause()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until `event` is set, but `seconds` at most."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
