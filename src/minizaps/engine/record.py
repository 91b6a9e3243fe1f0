"""What the holder of a run's lease writes: kept back until it has to be on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from minizaps.clock import Clock
from minizaps.engine.history import History
from minizaps.errors import JournalUnavailable
from minizaps.journal.journal import Journal
from minizaps.journal.records import Change
from minizaps.journal.status import TRANSITIONS, Kind, Status

T = TypeVar("T")
UNAVAILABLE_PAUSE = 1.0
MOST_UNWRITTEN = 100


class Record:
    """Takes down what a run does, and writes it with the next change that has to be on disk:
    before an attempt that is not pure, and when the run leaves the worker.

    A write whose answer is missing is repeated as it was, before any other.

    Attributes:
        unwritten: what is not on disk yet.
    """

    def __init__(
        self,
        run_id: str,
        epoch: int,
        history: History,
        journal: Journal,
        clock: Clock,
        draining: Callable[[], bool],
    ) -> None:
        self._run_id = run_id
        self._epoch = epoch
        self._history = history
        self._journal = journal
        self._clock = clock
        self._draining = draining
        self._sent: list[Change] = []
        self._writing = asyncio.Lock()
        self.unwritten: list[Change] = []

    @property
    def count(self) -> int:
        """How many events the run has."""
        return self._history.seq + len(self._sent) + len(self.unwritten)

    @property
    def status(self) -> Status:
        """The run's status once all is written."""
        if not self.unwritten:
            return Status.RUNNING
        return TRANSITIONS[self.unwritten[-1].kind].after or Status.RUNNING

    @property
    def full(self) -> bool:
        """Whether so much was taken down that it is to be written."""
        return len(self.unwritten) >= MOST_UNWRITTEN

    def add(
        self,
        kind: Kind,
        path: str | None = None,
        attempt: int | None = None,
        data: dict[str, Any] | None = None,
        *,
        at: int | None = None,
        due_at: int | None = None,
    ) -> None:
        """Take down a change."""
        at = self._clock.now() if at is None else at
        change = Change(kind, at, path, attempt, data, due_at)
        self._history.apply(change)
        self.unwritten.append(change)

    async def write(self) -> None:
        """Return once all that was taken down is on disk.

        Raises:
            LeaseLost: the run was ended or taken over by others; nothing more was written.
            JournalUnavailable: the worker stops while the journal takes no writes.
        """
        async with self._writing:
            while self._sent or self.unwritten:
                if not self._sent:
                    self._sent, self.unwritten = self.unwritten, []
                self._history.seq = await self.patiently(self._append)
                self._sent = []

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the journal answers, as soon as it can: what was done is done, and is kept.

        Raises:
            JournalUnavailable: the worker stops meanwhile.
        """
        while True:
            try:
                return await call()
            except JournalUnavailable:
                if self._draining():
                    raise
                await asyncio.sleep(UNAVAILABLE_PAUSE)

    async def _append(self) -> int:
        seq, seen = self._history.seq, self._history.seen
        return await self._journal.append(self._run_id, self._epoch, seq, self._sent, signals=seen)
