"""The journal: the durable truth about runs. Every change of a run is one of its methods."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from minizaps.clock import LATEST, Clock
from minizaps.errors import IdempotencyMismatch, JournalUnavailable, LeaseLost
from minizaps.ids import uuid7
from minizaps.journal import gates
from minizaps.journal.alarm import Alarm
from minizaps.journal.claims import Room
from minizaps.journal.database import Database
from minizaps.journal.follow_up import follow_up
from minizaps.journal.records import Change, Claimed, Event, Limits, NewRun, Run, Started
from minizaps.journal.rows import dump, to_limits
from minizaps.journal.status import TRANSITIONS, Kind, Status
from minizaps.journal.transitions import Append, Earlier, Settled, Start, refusal
from minizaps.journal.turns import Moves, Places

LOOK_AHEAD = 1_000_000  # milliseconds


class Journal:
    """Starts runs, hands them to workers, and takes down what happens to them.

    A method returns once its change is on disk. What one worker may write is fenced by the run's
    lease epoch: each claim raises it, and `append` requires it.

    Attributes:
        backlog: whether there may be queued runs that no claim is about to take.
        ready: set when it is worth looking for some.
        due: when a waiting run goes on next.
        gates_due: when a run at a gate is looked at next.
        on_cancel: called with the id of each run that was cancelled through this process.
        on_queued: called with the ids of the runs that this process has made ready.
        on_signal: called with the id of each running run for which a signal has come in.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._transitions = database.transitions
        self._clock = clock
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._places = Places()
        self.backlog = True
        self.ready = asyncio.Event()
        self.due = Alarm()
        self.gates_due = Alarm()
        self.on_cancel: Callable[[str], object] = lambda _: None
        self.on_queued: Callable[[Sequence[str]], object] = lambda _: None
        self.on_signal: Callable[[str], object] = lambda _: None

    async def start(self, new: NewRun, *, worker: str | None = None) -> Started:
        """Accept a run.

        Args:
            worker: the worker in this process that takes the run at once, if it has room; none
                takes one with limits.

        Raises:
            IdempotencyMismatch: the key was used before with another body.
            NotFound, Conflict: there is no run to replay, or it has not ended.
        """
        now = self._clock.now()
        worker = None if new.limits is not None else worker
        run_id = new.id or uuid7(now)
        depth = None if new.parent is None else new.parent.depth
        facts = {"trigger": new.trigger, "results": new.results, "by": new.by, "depth": depth}
        facts = {name: value for name, value in facts.items() if value is not None}
        lease = {"worker": worker, "epoch": 1}
        claimed = None if worker is None else dump(lease)
        start = Start(run_id, new, worker, now, now, orjson.dumps(facts).decode(), claimed)
        earlier = await self._write_start(start)
        if earlier is not None:
            key = new.idempotency
            if key is not None and key.body_hash != earlier.body_hash:
                raise IdempotencyMismatch(
                    f"the key {key.key!r} was used before with another body: "
                    "send the same body again, or take a new key"
                )
            return Started(earlier.run_id, created=False)
        if worker is None:
            if new.limits is None:
                self._queued([run_id])
            return Started(run_id, created=True)
        run = Run(
            run_id, new.project, new.workflow_id, None, new.version, Status.RUNNING, 1,
            new.trigger["id"], new.trigger["type"], new.replay_of, now, now, None, None,
            new.deadline, None, None, None, None, int(new.limits is not None), 0,
        )  # fmt: skip
        events = (
            Event(1, now, Kind.START, None, None, facts),
            Event(2, now, Kind.CLAIM, None, None, lease),
        )
        return Started(run_id, created=True, claimed=Claimed(run, 1, events))

    async def _write_start(self, start: Start) -> Earlier | None:
        new = start.new
        if new.limits is None:
            replays = new.replay_of is not None
            return await (self._transitions.replay if replays else self._transitions.start)(start)
        place = self._places.next(start.created_at)
        entered = await self._db.write(
            lambda tx: gates.enter(tx, self._transitions.begin, start, place, self._clock),
            gates.keys_of(new.limits),
            apart=gates.stops_others(new.limits) or new.parent is not None,
        )
        if isinstance(entered, Earlier):
            return entered
        self.moved(entered)
        return None

    async def claim(self, worker: str, room: Room, *, queued_until: int = 2**62) -> list[Claimed]:
        """Take as many queued runs as `worker` has room for, taking turns between projects.

        Args:
            queued_until: only runs that are ready since then, in milliseconds.
        """
        self.ready.clear()
        self.backlog = False
        try:
            projects = [p for (p,) in await self._db.rows("queued_projects")]
            if not projects:
                return []
            turns = room.turns(projects)
            claimed = await self._transitions.claim(
                worker, turns, room.limit, queued_until, self._clock.now()
            )
        except JournalUnavailable:
            self.backlog = True
            raise
        counts = Counter(c.run.project for c in claimed)
        more = len(projects) > len(turns) or any(counts[t.project] == t.allowed for t in turns)
        self.backlog = self.backlog or more
        return claimed

    async def claim_known(self, worker: str, room: Room, ids: Sequence[str]) -> list[Claimed]:
        """Take those of these runs that are queued and for which `worker` has room."""
        wanted = ids[: room.limit]
        return await self._transitions.claim_known(worker, wanted, room.full, self._clock.now())

    async def append(
        self, run_id: str, epoch: int, seq: int, changes: Sequence[Change], *, signals: int = 0
    ) -> int:
        """Write what the holder of a lease did; the last change decides the run's status.

        Where the answer was lost, the same call again writes nothing twice.

        Args:
            epoch: the lease's.
            seq: the number of the run's last event, as its holder knows it.
            signals: how many signals the holder has seen: a run that has more is not left to wait.

        Returns:
            the number of the run's last event now.

        Raises:
            LeaseLost: the run has ended or is another's; nothing was written.
        """
        last = changes[-1]
        after = TRANSITIONS[last.kind].after
        events = [(c.at, c.kind, c.path, c.attempt, dump(c.data)) for c in changes]
        append = Append(run_id, epoch, seq, events, _settled(after, last, signals))
        if not await self._transitions.append(append):
            raise LeaseLost(f"run {run_id} is no longer held with epoch {epoch}")
        if after is Status.QUEUED:
            self._queued([run_id])
        if last.due_at is not None:
            self.due.bring_forward(last.due_at)
        self._announce((run_id,))
        return seq + len(changes)

    async def wake(self, limit: int) -> int:
        """Make the waiting runs whose time has come ready, and learn when the next one is due."""
        now = self._clock.now()
        self.due.at = now + LOOK_AHEAD
        woken: list[str] = []
        if (due := await self._first("next_due")) <= now:
            woken = await self._transitions.wake(now, limit)
            due = await self._first("next_due")
        self.due.bring_forward(due)
        self._queued(woken)
        self._announce(woken)
        return len(woken)

    async def look_at_gates(self, limit: int) -> int:
        """Let the runs go on whose time at a gate has come, and learn when the next one's has.

        It waits for the gates' keys, which another process may have for seconds.

        Returns:
            how many those were.
        """
        now = self._clock.now()
        self.gates_due.at = now + LOOK_AHEAD
        looked = 0
        if (due := await self._first("next_gate_due")) <= now:
            looked = await self._look_at_gates(now, limit)
            due = await self._first("next_gate_due")
        self.gates_due.bring_forward(due)
        return looked

    async def _look_at_gates(self, now: int, limit: int) -> int:
        async def look(run_id: str, limits: Limits) -> None:
            place = self._places.next(now)
            self.moved(
                await self._db.write(
                    lambda tx: gates.look_again(tx, run_id, place, self._clock),
                    gates.keys_of(limits),
                    apart=gates.stops_others(limits),
                )
            )

        due = await self._db.rows("due_gates", now, limit)
        await asyncio.gather(*(look(run_id, to_limits(limits)) for run_id, limits in due))
        return len(due)

    async def _first(self, query: str) -> int:
        """The earliest time that a query finds."""
        ((due,),) = await self._db.rows(query)
        return LATEST if due is None else int(due)

    async def rescue(self, worker: str, limit: int = 1000) -> int:
        """Make the runs ready that other, dead workers have left behind."""
        leases = await self._db.rows("left_behind", worker, limit)
        return await self._rescue([(run_id, epoch) for run_id, epoch in leases])

    async def adopt(self, orphans: Collection[tuple[str, int]]) -> int:
        """Make the runs ready that this worker holds in the journal but does not drive.

        Such a run was started for the worker by a request that died before it handed it over.

        Args:
            orphans: the runs' ids with their leases' epochs.
        """
        return await self._rescue(orphans)

    async def _rescue(self, leases: Collection[tuple[str, int]]) -> int:
        if not leases:
            return 0
        rescued = await self._transitions.rescue(leases, self._clock.now())
        self._queued(rescued)
        self._announce(rescued)
        return len(rescued)

    async def cancel(self, run_id: str, project: str, by: str) -> None:
        """End a run that has not ended.

        Raises:
            NotFound, Conflict: there is no such run, or it has ended.
        """
        await self._change(Kind.CANCEL, run_id, project, {"by": by})
        self.on_cancel(run_id)
        with suppress(JournalUnavailable):  # it is cancelled; the rest is done as soon as may be
            await self.follow_up(run_id)

    async def follow_up(self, run_id: str) -> None:
        """Do for other runs what the end of this one asks, if it has ended and that is not done."""
        self.moved(await follow_up(self._db, run_id, self._clock))

    async def to_follow_up(self, limit: int) -> list[str]:
        """Runs that have ended, which others have not been told."""
        return [run_id for (run_id,) in await self._db.rows("to_follow_up", limit)]

    async def discard(self, run_id: str, project: str, by: str, note: str | None) -> None:
        """Close a dead letter without a replay.

        Raises:
            NotFound, Conflict: there is no such run, or it is no open dead letter.
        """
        await self._change(Kind.DISCARD, run_id, project, {"by": by, "note": note})

    async def _change(self, kind: Kind, run_id: str, project: str, facts: dict[str, Any]) -> None:
        """A person's change of a run, allowed in some statuses only."""
        text = orjson.dumps(facts).decode()
        if not await self._transitions.change(kind, run_id, project, self._clock.now(), text):
            found = await self._db.rows("status", run_id, project)
            raise refusal(kind, run_id, Status(found[0][0]) if found else None)
        self._announce((run_id,))

    async def held(self, worker: str) -> dict[str, int]:
        """The runs that `worker` holds, with their epochs."""
        return {str(run_id): int(epoch) for run_id, epoch in await self._db.rows("held", worker)}

    def now(self) -> int:
        """The journal's time, in milliseconds."""
        return self._clock.now()

    async def probe(self) -> None:
        """Write a row that matters to nobody.

        Raises:
            JournalUnavailable: the database takes no writes.
        """
        await self._transitions.probe(self._clock.now())

    async def forget(self, before: int, limit: int) -> int:
        """Drop idempotency keys from before a time."""
        return await self._transitions.forget(before, limit)

    async def forget_rates(self, limit: int) -> int:
        """Drop what is known of rates that limit nobody any more."""
        return await self._transitions.forget_rates(self._clock.now(), limit)

    async def prune(self, before: int, limit: int, *, dead_letters: bool = False) -> int:
        """Delete runs that ended before a time.

        Args:
            dead_letters: whether to delete open dead letters, else all others.
        """
        bound = uuid7(before)
        return await self._transitions.prune(bound, before, limit, dead_letters=dead_letters)

    def watch(self, run_id: str, changed: asyncio.Event) -> None:
        """Have `changed` set at every change of a run in this process, until `unwatch`."""
        self._watchers[run_id].add(changed)

    def unwatch(self, run_id: str, changed: asyncio.Event) -> None:
        """End a `watch`."""
        self._watchers[run_id].discard(changed)
        if not self._watchers[run_id]:
            del self._watchers[run_id]

    def runs_ready(self) -> None:
        """Another process has queued runs."""
        self.backlog = True
        self.ready.set()

    def run_cancelled(self, run_id: str) -> None:
        """Another process has cancelled a run."""
        self.on_cancel(run_id)
        self._announce((run_id,))

    def signalled(self, run_id: str) -> None:
        """A signal has come in for a run that a worker drives."""
        self.on_signal(run_id)

    def _announce(self, ids: Iterable[str]) -> None:
        if self._watchers:
            for run_id in ids:
                for changed in self._watchers.get(run_id, ()):
                    changed.set()

    def moved(self, moves: Moves) -> None:
        """Tell of runs that others have moved: queued, cancelled, signalled."""
        self._queued(moves.queued)
        for run_id in moves.cancelled:
            self.on_cancel(run_id)
        for run_id in moves.signalled:
            self.on_signal(run_id)
        self._announce((*moves.queued, *moves.cancelled))
        self.gates_due.bring_forward(moves.due_at)

    def _queued(self, ids: Sequence[str]) -> None:
        if ids:
            self.runs_ready()
            self.on_queued(ids)


def _settled(after: Status | None, change: Change, signals: int) -> Settled | None:
    if after is None or after is Status.RUNNING:
        return None
    if after is Status.FAILED:
        error = (change.data or {})["error"]
        step = error.get("step")
        return Settled(after, None, change.at, error["type"], step, dead_letter="open")
    if after is Status.SUCCEEDED:
        return Settled(after, finished_at=change.at)
    if after is Status.QUEUED:
        return Settled(after, due_at=change.at)
    return Settled(after, due_at=change.due_at, signals=signals)
