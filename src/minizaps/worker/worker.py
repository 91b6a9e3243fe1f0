"""The worker: holds claimed runs and drives each in a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import NamedTuple

from minizaps.engine.engine import WorkflowEngine
from minizaps.engine.execution import Execution
from minizaps.errors import (
    DefinitionInvalid,
    JournalUnavailable,
    LeaseLost,
    MinizapsError,
    NotFound,
)
from minizaps.ids import uuid7
from minizaps.journal.claims import Room
from minizaps.journal.journal import Journal
from minizaps.journal.records import Change, Claimed
from minizaps.journal.status import ENDED, Kind, Status
from minizaps.metrics import RUNS_CLAIMED, RUNS_ENDED, RUNS_LOST, labelled

logger = logging.getLogger("minizaps.worker")


MOST_CLAIMED = 100  # runs at a time, whose histories are read on the loop


class _Driven(NamedTuple):
    task: asyncio.Task[None]
    epoch: int


class Worker:
    """Drives up to `concurrency` runs at a time.

    One project takes at most four fifths of the places, so that a flood in one never keeps the
    others waiting for a free one.

    Attributes:
        name: its id in the journal, new at every start.
    """

    def __init__(self, journal: Journal, engine: WorkflowEngine, *, concurrency: int) -> None:
        self.name = uuid7()
        self._journal = journal
        self._engine = engine
        self._concurrency = concurrency
        self._share = concurrency - concurrency // 5
        self._driven: dict[str, _Driven] = {}
        self._executions: dict[str, Execution] = {}
        self._reserved = 0
        self._places: Counter[str] = Counter()
        self._freed = asyncio.Event()
        self._draining = False
        self._last_project = ""
        journal.on_cancel = self.drop
        journal.on_signal = self.notice

    @property
    def room(self) -> Room:
        """What the worker has room for now."""
        free = self._concurrency - len(self._driven) - self._reserved
        limit = 0 if self._draining else min(max(0, free), MOST_CLAIMED)
        return Room(limit, self._share, dict(self._places), self._last_project)

    @property
    def leases(self) -> dict[str, int]:
        """The epochs of the runs that it drives, by id."""
        return {run_id: driven.epoch for run_id, driven in self._driven.items()}

    def reserve(self, project: str) -> bool:
        """Keep a place for a run that is about to start here; False if it has to queue.

        A run does not overtake queued ones: while some are left queued, all queue.
        """
        free = self._concurrency - len(self._driven) - self._reserved
        if self._draining or free <= 0 or self._journal.backlog:
            return False
        if self._places[project] >= self._share:
            return False
        self._reserved += 1
        self._places[project] += 1
        return True

    def fill(self, project: str, claimed: Claimed | None) -> None:
        """Use a reserved place, or give it back."""
        self._reserved -= 1
        self._leave(project)
        if claimed is not None:
            self.take(claimed, "start")

    def take(self, claimed: Claimed, found: str) -> None:
        """Drive a claimed run.

        Args:
            found: by which way the run came: `start`, `journal`, `broker` or `sweep`.
        """
        run = claimed.run
        labelled(RUNS_CLAIMED, found).inc()
        logger.debug("run %s found by the %s", run.id, found)
        self._places[run.project] += 1
        self._last_project = run.project
        task = asyncio.create_task(self._drive(claimed))
        self._driven[run.id] = _Driven(task, claimed.epoch)
        task.add_done_callback(lambda done: self._put_down(done, run.id, run.project))

    def drop(self, run_id: str, epoch: int | None = None) -> None:
        """Stop driving a run that has ended or is another's.

        Args:
            epoch: of the lease that was lost; if left out, whichever it is.
        """
        driven = self._driven.get(run_id)
        if driven is not None and epoch in (None, driven.epoch):
            driven.task.cancel()

    def notice(self, run_id: str) -> None:
        """A signal has come in for a run; it is told if it is driven here."""
        if (execution := self._executions.get(run_id)) is not None:
            execution.notice()

    def fence(self, reason: str) -> None:
        """Stop driving all runs: their leases are, or may soon be, another worker's."""
        if self._driven:
            RUNS_LOST.inc(len(self._driven))
            logger.warning("worker %s drops %d runs: %s", self.name, len(self._driven), reason)
        for driven in self._driven.values():
            driven.task.cancel()

    async def run_once(self, overlooked_for: int | None = None) -> int:
        """Claim what there is room for; return how many runs that were.

        Args:
            overlooked_for: only runs that have been ready for so many milliseconds.
        """
        room = self.room
        if not room.limit:
            self._journal.ready.clear()  # set again when a run leaves its place
            return 0
        if overlooked_for is None:
            return await self._claim(room, "journal", self._journal.claim(self.name, room))
        until = self._journal.now() - overlooked_for
        claim = self._journal.claim(self.name, room, queued_until=until)
        return await self._claim(room, "sweep", claim)

    async def claim_known(self, ids: Sequence[str]) -> None:
        """Claim these runs, as far as they are queued, as places become free for them."""
        while ids:
            while not (room := self.room).limit:
                self._freed.clear()
                await self._freed.wait()
            some, ids = ids[: room.limit], ids[room.limit :]
            await self._claim(room, "broker", self._journal.claim_known(self.name, room, some))

    async def _claim(self, room: Room, found: str, claim: Awaitable[list[Claimed]]) -> int:
        self._reserved += room.limit
        try:
            claimed = await claim
        finally:
            self._reserved -= room.limit
            self._freed.set()
        for run in claimed:
            self.take(run, found)
        if found == "sweep" and claimed:
            logger.info("the sweep found %d runs that the broker had not told of", len(claimed))
        return len(claimed)

    async def settle(self) -> None:
        """Wait until no run is being driven."""
        while self._driven:
            await asyncio.wait([driven.task for driven in self._driven.values()])

    async def drain(self, grace: float) -> None:
        """Claim no more runs, begin no more attempts, wait for those in flight, then give back
        what is left.

        Args:
            grace: seconds that attempts may still take.
        """
        self._draining = True
        for patience in (grace, 5.0):
            if self._driven:
                tasks = [driven.task for driven in self._driven.values()]
                await asyncio.wait(tasks, timeout=patience)
            for driven in self._driven.values():
                driven.task.cancel()
        await self.settle()

    def _put_down(self, task: asyncio.Task[None], run_id: str, project: str) -> None:
        if (driven := self._driven.get(run_id)) is not None and driven.task is task:
            del self._driven[run_id]
            self._executions.pop(run_id, None)
        self._leave(project)

    def _leave(self, project: str) -> None:
        self._places[project] -= 1
        if not self._places[project]:
            del self._places[project]
        self._freed.set()
        if self._journal.backlog:
            self._journal.ready.set()

    async def _drive(self, claimed: Claimed) -> None:
        run_id = claimed.run.id
        execution = None
        try:
            execution = await self._engine.execution(claimed, lambda: self._draining)
            self._executions[run_id] = execution
            if await execution.drive() in ENDED and execution.concerns_others:
                await self._journal.follow_up(run_id)
        except LeaseLost as error:
            RUNS_LOST.inc()
            logger.info("dropped: %s", error)
        except JournalUnavailable as error:
            logger.warning("run %s left as it was: %s", run_id, error)
        except asyncio.CancelledError:
            if self._draining and execution is not None:
                await self._release(run_id, execution)
        except (DefinitionInvalid, NotFound) as error:
            await self._fail(claimed, execution, "definition", error)
        except Exception as error:
            logger.exception("run %s", run_id)
            await self._fail(claimed, execution, "internal", error)

    async def _release(self, run_id: str, execution: Execution) -> None:
        try:
            await execution.release()
        except MinizapsError as error:
            logger.info("run %s not given back: %s", run_id, error)

    async def _fail(
        self, claimed: Claimed, execution: Execution | None, kind: str, cause: Exception
    ) -> None:
        """End a run that cannot be driven, so that a person sees it."""
        run_id = claimed.run.id
        error = {"type": kind, "message": f"{type(cause).__name__}: {cause}"}
        change = Change(Kind.FAIL, self._journal.now(), data={"error": error})
        try:
            if execution is not None:
                await execution.fail(error)
            else:
                last = claimed.events[-1].seq
                await self._journal.append(run_id, claimed.epoch, last, [change])
            labelled(RUNS_ENDED, Status.FAILED).inc()
            await self._journal.follow_up(run_id)
        except (LeaseLost, JournalUnavailable) as error:
            logger.info("run %s not failed: %s", run_id, error)
