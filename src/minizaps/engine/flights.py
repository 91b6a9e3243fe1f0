"""The attempts of a run that are under way beside each other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, NamedTuple

from minizaps.engine.attempt import Outcome
from minizaps.engine.lanes import Lane


class Flight(NamedTuple):
    """An attempt in a task of its own."""

    lane: Lane
    path: str
    number: int
    task: asyncio.Task[Outcome]


class Flights:
    """Keeps the attempts under way.

    Attributes:
        landed: those that have ended and were not looked at yet.
        news: set when one lands, and by whoever has something to say to the run.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, Flight] = {}
        self.landed: deque[Flight] = deque()
        self.news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._under_way)

    def __contains__(self, path: str) -> bool:
        return path in self._under_way

    def launch(self, lane: Lane, number: int, attempt: Coroutine[Any, Any, Outcome]) -> None:
        """Make an attempt of the lane's step beside the others."""
        flight = Flight(lane, lane.path, number, asyncio.create_task(attempt))
        self._under_way[flight.path] = flight
        flight.task.add_done_callback(lambda _: self._land(flight))

    def next_landed(self) -> Flight:
        """The attempt that has been down longest."""
        flight = self.landed.popleft()
        self._under_way.pop(flight.path, None)
        return flight

    async def cancel(self, path: str = "") -> None:
        """End the attempts inside a step or a block's lane; all of them if no path is given."""
        inside = (f"{path}.", f"{path}[") if path else ("",)
        ended = [f for f in self._under_way.values() if f.path.startswith(inside)]
        for flight in ended:
            flight.task.cancel()
            del self._under_way[flight.path]
        if ended:
            await asyncio.wait([flight.task for flight in ended])
            self.landed = deque(f for f in self.landed if f not in ended)

    async def stop(self) -> None:
        """End the attempts under way; those that have landed stay to be looked at."""
        flying = [f for f in self._under_way.values() if not f.task.done()]
        for flight in flying:
            flight.task.cancel()
            del self._under_way[flight.path]
        if flying:
            await asyncio.wait([flight.task for flight in flying])

    def _land(self, flight: Flight) -> None:
        if self._under_way.get(flight.path) is flight:
            self.landed.append(flight)
            self.news.set()
