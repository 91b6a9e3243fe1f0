"""Duty: watch the mailboxes that no living process watches."""

from __future__ import annotations

import asyncio
import logging

from minizaps.worker.watcher import EMAIL, HELD, Post, Watcher

logger = logging.getLogger("minizaps.worker")

MOST = 100  # mailboxes of a process: each has a thread and a connection
PAUSE = 1.0  # seconds


class Mailboxes:
    """Holds a trigger's row while it watches the mailbox, so that nobody else does."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._watching: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Mailboxes:
        return self

    async def __aexit__(self, *_: object) -> None:
        watching = [*self._watching]
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    @property
    def count(self) -> int:
        """How many it watches."""
        return len(self._watching)

    async def run_once(self) -> None:
        """Take over what is due: new triggers, and those whose process has died."""
        triggers, clock = self._post.triggers, self._post.clock
        for trigger in await triggers.due(EMAIL, MOST - self.count):
            held = await triggers.hold(trigger, clock.now() + HELD)
            if held is not None:
                task = asyncio.create_task(Watcher(held, self._post).run())
                self._watching.add(task)
                task.add_done_callback(self._end)

    async def pause(self) -> None:
        """Wait until it is time to look again."""
        await asyncio.sleep(PAUSE)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._watching.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a watcher failed; its mailbox is taken up again", exc_info=error)
