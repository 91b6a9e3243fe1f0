"""Duty: have a consumer for each queue that a trigger listens to, and none for any other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from minizaps.journal.listeners import Listener
from minizaps.worker.consumer import QUEUE, Consumer, Door

PAUSE = 1.0  # seconds after which changes are found that anybody has saved

Key = tuple[str, str]


class Consumers:
    """Every process consumes: the server shares messages out. What counts are the rows."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._running: dict[Key, tuple[Listener, asyncio.Task[None]]] = {}

    async def __aenter__(self) -> Consumers:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop([*self._running])

    async def run_once(self) -> None:
        """Stop the consumers of triggers that have changed or gone, and start those of new ones."""
        wanted = {each.key: each for each in await self._door.listeners.present(QUEUE)}
        await self._stop(
            key
            for key, (listener, task) in [*self._running.items()]
            if wanted.get(key) != listener or task.done()
        )
        for key, listener in wanted.items():
            if key not in self._running:
                task = asyncio.create_task(Consumer(listener, self._door).run())
                self._running[key] = listener, task

    async def pause(self) -> None:
        """Wait until it is time to look again."""
        await asyncio.sleep(PAUSE)

    async def _stop(self, keys: Iterable[Key]) -> None:
        tasks = [self._running.pop(key)[1] for key in keys]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
