"""The journal: the durable truth about runs. Every change of a run is one of its methods."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import apsw

from minizaps.clock import Clock
from minizaps.errors import (
    Conflict,
    IdempotencyMismatch,
    JournalUnavailable,
    LeaseLost,
    NotFound,
)
from minizaps.ids import uuid7
from minizaps.journal.claims import Room, choose
from minizaps.journal.database import Database
from minizaps.journal.records import Change, Claimed, Event, NewRun, Run, Started
from minizaps.journal.rows import dump, to_event, to_run
from minizaps.journal.status import TRANSITIONS, Kind, Status

MANY = 1_000_000


class Journal:
    """Starts runs, hands them to workers, and takes down what happens to them.

    A method returns once its change is on disk. What one worker may write is fenced by the run's
    lease epoch: each claim raises it, and `append` requires it.

    Attributes:
        backlog: whether there may be queued runs that no claim is about to take.
        ready: set when it is worth looking for some.
        next_due: the earliest time at which a waiting run is known to go on, in milliseconds.
        due_sooner: set when `next_due` has become earlier.
        on_cancel: called with the id of each run that was cancelled through this process.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._q = database.queries
        self._clock = clock
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.backlog = True
        self.ready = asyncio.Event()
        self.next_due = 0
        self.due_sooner = asyncio.Event()
        self.on_cancel: Callable[[str], object] = lambda _: None

    async def start(self, new: NewRun, *, worker: str | None = None) -> Started:
        """Accept a run.

        Args:
            worker: the worker in this process that takes the run at once, if it has room.

        Raises:
            IdempotencyMismatch: the key was used before with another body.
        """
        now = self._clock.now()
        run_id = uuid7(now)
        data = {"trigger": new.trigger, "results": new.results, "by": new.by}
        events = [_event(1, now, Kind.START, {k: v for k, v in data.items() if v is not None})]
        if worker is not None:
            events.append(_event(2, now, Kind.CLAIM, {"worker": worker, "epoch": 1}))
        started = await self._db.write(lambda db: self._start(db, new, run_id, worker, now, events))
        if worker is None:
            self._queued()
        return started

    def _start(
        self,
        db: apsw.Connection,
        new: NewRun,
        run_id: str,
        worker: str | None,
        now: int,
        events: Sequence[Event],
    ) -> Started:
        q, key = self._q, new.idempotency
        if key is not None:
            for earlier, body_hash in db.execute(q["recall"], (key.scope, key.key)):
                if body_hash != key.body_hash:
                    raise IdempotencyMismatch(
                        f"the key {key.key!r} was used before with another body: "
                        "send the same body again, or take a new key"
                    )
                return Started(earlier, created=False)
        if new.replay_of is not None:
            facts = {"by": new.by, "run": run_id}
            replayed = (new.replay_of, new.project)
            self._change(db, Kind.REPLAY, replayed, now, facts, closing=new.closing)
        if key is not None:
            db.execute(q["remember"], (key.scope, key.key, key.body_hash, run_id, now))
        status = Status.QUEUED if worker is None else Status.RUNNING
        epoch, started_at, due_at = (0, None, now) if worker is None else (1, now, None)
        trigger_id, trigger_type = new.trigger["id"], new.trigger["type"]
        row = (run_id, new.project, new.workflow_id, new.version, status, epoch, worker, trigger_id)
        times = (now, started_at, due_at, new.deadline)
        db.execute(q["start"], (*row, trigger_type, new.replay_of, *times))
        self._insert(db, run_id, events)
        if worker is None:
            return Started(run_id, created=True)
        run = Run(
            run_id, new.project, new.workflow_id, None, new.version, status, epoch, trigger_id,
            trigger_type, new.replay_of, now, now, None, None, new.deadline, None, None, None,
        )  # fmt: skip
        return Started(run_id, created=True, claimed=Claimed(run, epoch, tuple(events)))

    async def claim(self, worker: str, room: Room) -> list[Claimed]:
        """Take as many queued runs as `worker` has room for, taking turns between projects."""
        now = self._clock.now()
        self.ready.clear()
        self.backlog = False
        try:
            if not await self._db.rows("queued_projects"):
                return []
            claimed, more = await self._db.write(lambda db: self._claim(db, worker, room, now))
        except JournalUnavailable:
            self.backlog = True
            raise
        self.backlog = self.backlog or more
        return claimed

    def _claim(
        self, db: apsw.Connection, worker: str, room: Room, now: int
    ) -> tuple[list[Claimed], bool]:
        claimed = []
        chosen, more = choose(db, self._q, room)
        for run_id in chosen:
            run = to_run(next(db.execute(self._q["claim"], (worker, now, run_id))))
            self._add(db, run_id, now, Kind.CLAIM, {"worker": worker, "epoch": run.epoch})
            rows = db.execute(self._q["events"], (run_id, 0, MANY))
            claimed.append(Claimed(run, run.epoch, tuple(map(to_event, rows))))
        return claimed, more

    def _queued(self) -> None:
        self.backlog = True
        self.ready.set()

    async def append(self, run_id: str, epoch: int, changes: Sequence[Change]) -> int:
        """Write what the holder of a lease did; the last change decides the run's status.

        Args:
            epoch: the lease's.

        Returns:
            the number of the run's last event now.

        Raises:
            LeaseLost: the run has ended or is another's; nothing was written.
        """
        last = changes[-1]
        transition = TRANSITIONS[last.kind]
        rows = [(c.at, c.kind, c.path, c.attempt, dump(c.data)) for c in changes]
        settled = _settled(transition.after, last)

        def operation(db: apsw.Connection) -> int:
            # The fence gives the number of the last event to the holder of the lease alone.
            seq = db.execute(self._q[transition.query], (*settled, run_id, epoch)).get
            if seq is None:
                raise LeaseLost(f"run {run_id} is no longer held with epoch {epoch}")
            numbered = [(run_id, number, *row) for number, row in enumerate(rows, seq + 1)]
            db.executemany(self._q["insert_event"], numbered)
            return int(seq) + len(rows)

        seq = await self._db.write(operation)
        if transition.after is Status.QUEUED:
            self._queued()
        if last.due_at is not None and last.due_at < self.next_due:
            self.next_due = last.due_at
            self.due_sooner.set()
        self._announce((run_id,))
        return seq

    async def wake(self, limit: int) -> int:
        """Make the waiting runs whose time has come ready, and learn when the next one is due."""
        now = self._clock.now()

        def operation(db: apsw.Connection) -> tuple[list[str], int | None]:
            ids = [i for (i,) in db.execute(self._q["due"], (now, limit))]
            for run_id in ids:
                db.execute(self._q["wake"], (now, run_id))
                self._add(db, run_id, now, Kind.WAKE)
            following: int | None = db.execute(self._q["next_due"]).get
            return ids, following

        self.next_due = now + MANY
        ((due,),) = await self._db.rows("next_due")
        if due is None or due > now:
            self.next_due = min(self.next_due, due or now + MANY)
            return 0
        ids, following = await self._db.write(operation)
        self.next_due = min(self.next_due, following or now + MANY)
        if ids:
            self._queued()
        self._announce(ids)
        return len(ids)

    async def rescue(self, worker: str, limit: int = 1000) -> int:
        """Make the runs ready that other, dead workers have left behind.

        On the embedded database only one worker runs at a time, so every other one is dead.
        """
        now = self._clock.now()

        def operation(db: apsw.Connection) -> list[str]:
            leases = db.execute(self._q["left_behind"], (worker, limit)).fetchall()
            return self._rescue(db, leases, now)

        rescued = await self._db.write(operation)
        if rescued:
            self._queued()
        self._announce(rescued)
        return len(rescued)

    async def adopt(self, orphans: Collection[tuple[str, int]]) -> int:
        """Make the runs ready that this worker holds in the journal but does not drive.

        Such a run was started for the worker by a request that died before it handed it over.

        Args:
            orphans: the runs' ids with their leases' epochs.
        """
        if not orphans:
            return 0
        now = self._clock.now()
        rescued = await self._db.write(lambda db: self._rescue(db, orphans, now))
        if rescued:
            self._queued()
        return len(rescued)

    def _rescue(
        self, db: apsw.Connection, leases: Iterable[tuple[Any, ...]], now: int
    ) -> list[str]:
        rescued = []
        for run_id, epoch in leases:
            db.execute(self._q["rescue"], (now, run_id, epoch))
            if db.changes():
                self._add(db, run_id, now, Kind.RESCUE)
                rescued.append(run_id)
        return rescued

    async def cancel(self, run_id: str, project: str, by: str) -> None:
        """End a run that has not ended.

        Raises:
            NotFound, Conflict: there is no such run, or it has ended.
        """
        now = self._clock.now()
        target = (run_id, project)
        await self._db.write(lambda db: self._change(db, Kind.CANCEL, target, now, {"by": by}))
        self._announce((run_id,))
        self.on_cancel(run_id)

    async def discard(self, run_id: str, project: str, by: str, note: str | None) -> None:
        """Close a dead letter without a replay.

        Raises:
            NotFound, Conflict: there is no such run, or it is no open dead letter.
        """
        now = self._clock.now()
        target, facts = (run_id, project), {"by": by, "note": note}
        await self._db.write(lambda db: self._change(db, Kind.DISCARD, target, now, facts))
        self._announce((run_id,))

    def _change(
        self,
        db: apsw.Connection,
        kind: Kind,
        target: tuple[str, str],
        now: int,
        facts: dict[str, Any],
        *,
        closing: bool = False,
    ) -> None:
        """A person's change of a run, allowed in some statuses only."""
        bound = {"id": target[0], "project": target[1], "now": now, "closing": closing}
        db.execute(self._q[TRANSITIONS[kind].query], bound)
        if db.changes():
            self._add(db, target[0], now, kind, facts)
            return
        status = db.execute(self._q["status"], target).get
        if status is None:
            raise NotFound(f"there is no run {target[0]}")
        reason = _REFUSED[Kind.DISCARD if closing else kind]
        raise Conflict(f"the run is {status}: {reason}")

    async def held(self, worker: str) -> dict[str, int]:
        """The runs that `worker` holds, with their epochs."""
        return dict(await self._db.rows("held", worker))

    def now(self) -> int:
        """The journal's time, in milliseconds."""
        return self._clock.now()

    async def probe(self) -> None:
        """Write a row that matters to nobody.

        Raises:
            JournalUnavailable: the database takes no writes.
        """
        now = self._clock.now()

        def operation(db: apsw.Connection) -> None:
            db.execute(self._q["probe"], (now,))

        await self._db.write(operation)

    async def forget(self, before: int, limit: int) -> int:
        """Drop idempotency keys from before a time."""

        def operation(db: apsw.Connection) -> int:
            db.execute(self._q["forget"], (before, limit))
            return db.changes()

        return await self._db.write(operation)

    async def prune(self, before: int, limit: int) -> int:
        """Delete runs that ended before a time, but no open dead letters."""

        def operation(db: apsw.Connection) -> int:
            bound = (uuid7(before), before, limit)
            ids = [i for (i,) in db.execute(self._q["expired_runs"], bound)]
            for run_id in ids:
                db.execute(self._q["delete_events"], (run_id,))
                db.execute(self._q["delete_run"], (run_id,))
            return len(ids)

        return await self._db.write(operation)

    def watch(self, run_id: str, changed: asyncio.Event) -> None:
        """Have `changed` set at every change of a run in this process, until `unwatch`."""
        self._watchers[run_id].add(changed)

    def unwatch(self, run_id: str, changed: asyncio.Event) -> None:
        """End a `watch`."""
        self._watchers[run_id].discard(changed)
        if not self._watchers[run_id]:
            del self._watchers[run_id]

    def _announce(self, ids: Iterable[str]) -> None:
        if self._watchers:
            for run_id in ids:
                for changed in self._watchers.get(run_id, ()):
                    changed.set()

    def _insert(self, db: apsw.Connection, run_id: str, events: Sequence[Event]) -> None:
        rows = [(run_id, e.seq, e.at, e.kind, None, None, dump(e.data)) for e in events]
        db.executemany(self._q["insert_event"], rows)

    def _add(
        self,
        db: apsw.Connection,
        run_id: str,
        at: int,
        kind: Kind,
        data: dict[str, Any] | None = None,
    ) -> None:
        db.execute(self._q["add_event"], (run_id, at, kind, dump(data)))


_REFUSED = {
    Kind.CANCEL: "it has ended already",
    Kind.REPLAY: "only an ended run can be replayed",
    Kind.DISCARD: "it is no open dead letter",
}


def _event(seq: int, at: int, kind: Kind, data: dict[str, Any]) -> Event:
    return Event(seq, at, kind, None, None, data)


def _settled(after: Status | None, change: Change) -> tuple[object, ...]:
    """What `settle` sets: status, due_at, finished_at, error_type, error_path, dead_letter."""
    if after is Status.RUNNING:
        return ()
    if after is Status.FAILED:
        error = (change.data or {})["error"]
        return (after, None, change.at, error["type"], error.get("step"), "open")
    if after is Status.SUCCEEDED:
        return (after, None, change.at, None, None, None)
    due_at = change.at if after is Status.QUEUED else change.due_at
    return (after, due_at, None, None, None, None)
