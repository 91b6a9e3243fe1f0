"""Connections that are kept between attempts, and closed when nobody uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

IDLE = 30.0  # seconds after its last use until one is closed
FAREWELL = 5.0  # seconds for closing


class Closable(Protocol):
    """What can be closed."""

    async def aclose(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Closable)


@dataclass
class _Entry:
    value: Any
    users: int = 0
    closing: asyncio.TimerHandle | None = None


class Kept:
    """Keeps things by keys, such as pools of connections by URLs."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def use(self, key: Hashable, make: Callable[[], T]) -> AsyncIterator[T]:
        """What is kept under a key; made where there is nothing yet."""
        if key not in self._entries:
            self._entries[key] = _Entry(make())
        entry = self._entries[key]
        if entry.closing is not None:
            entry.closing.cancel()
        entry.users += 1
        try:
            yield entry.value
        finally:
            entry.users -= 1
            if not entry.users:
                loop = asyncio.get_running_loop()
                entry.closing = loop.call_later(IDLE, self._close, key)

    async def aclose(self) -> None:
        """Close everything."""
        for key, entry in [*self._entries.items()]:
            if entry.closing is not None:
                entry.closing.cancel()
            self._close(key)
        await asyncio.gather(*self._tasks)

    def _close(self, key: Hashable) -> None:
        task = asyncio.create_task(_end(self._entries.pop(key).value))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _end(value: Closable) -> None:
    """Close, but do not wait for ever for another side that does not answer."""
    with suppress(Exception):
        async with asyncio.timeout(FAREWELL):
            await value.aclose()
