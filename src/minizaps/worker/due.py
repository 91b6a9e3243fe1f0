"""Duties that serve triggers of one type when these are due."""

from __future__ import annotations

import asyncio

from minizaps.clock import LATEST, Clock
from minizaps.engine.engine import WorkflowEngine
from minizaps.journal.triggers import Triggers


class DueDuty:
    """Waits for the next trigger of a type to be due.

    Args:
        kind: the type.
        most: seconds after which triggers are found that other processes have saved.
    """

    def __init__(
        self, triggers: Triggers, engine: WorkflowEngine, clock: Clock, *, kind: str, most: float
    ) -> None:
        self._triggers = triggers
        self._engine = engine
        self._clock = clock
        self._kind = kind
        self._most = most
        self._next_due = 0

    async def learn_next(self) -> None:
        """Ask when the next one is due."""
        next_due = await self._triggers.next_due(self._kind)
        self._next_due = LATEST if next_due is None else next_due

    async def pause(self) -> None:
        """Wait until the next one is due."""
        left = (self._next_due - self._clock.now()) / 1000
        await asyncio.sleep(min(max(left, 0.0), self._most))
