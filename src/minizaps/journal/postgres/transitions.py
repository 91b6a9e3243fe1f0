"""The transitions on Postgres: each one statement, the frequent ones for many runs at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from minizaps.errors import LeaseLost
from minizaps.journal.database import Row, Transaction
from minizaps.journal.postgres.batch import Batch
from minizaps.journal.records import Claimed, Event
from minizaps.journal.rows import dump, kinship, limits_text, to_event, to_run
from minizaps.journal.status import TRANSITIONS, Kind, Status
from minizaps.journal.transitions import Append, Earlier, Settled, Start, Turn, refusal

NOT_SETTLED = Settled(Status.RUNNING)


class Statements(Protocol):
    """What the transitions ask of the database."""

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """The rows of a named statement, which is a transaction of its own."""

    async def write(self, operation: Any) -> Any:
        """Run an operation in a transaction."""


class PostgresTransitions:
    """See `Transitions`."""

    def __init__(self, database: Statements) -> None:
        self._db = database
        self._starts: Batch[Start, Earlier | None] = Batch(self._start, lambda s: s.run_id)
        self._holds: Batch[Append, bool] = Batch(self._hold, lambda a: a.run_id)
        self._settles: Batch[Append, bool] = Batch(self._settle, lambda a: a.run_id)
        self._followed: Batch[str, None] = Batch(self._follow, lambda run_id: run_id)

    async def close(self) -> None:
        """Finish what was handed in."""
        for batch in (self._starts, self._holds, self._settles, self._followed):
            await batch.close()

    async def start(self, start: Start) -> Earlier | None:
        if (parent := start.new.parent) is None:
            return await self._starts.write(start)
        # Alone: a statement that locks the rows of several parents could meet another such one.
        ((written, _),) = await self._db.rows("start", *_columns([start]))
        if not written:
            raise LeaseLost(f"run {parent.run_id} is no longer held with epoch {parent.epoch}")
        return None

    async def _start(self, starts: Sequence[Start]) -> list[Earlier | None]:
        ((written, _),) = await self._db.rows("start", *_columns(starts))
        fresh = set(written or ())
        return [None if s.run_id in fresh else await self._recall(s) for s in starts]

    async def _recall(self, start: Start) -> Earlier | None:
        """The run that has the key; None where it is this one, whose answer was lost."""
        key = start.new.idempotency
        assert key is not None  # noqa: S101 - only a known key keeps a run from being written
        ((run_id, body_hash),) = await self._db.rows("recall", key.scope, key.key)
        return None if run_id == start.run_id else Earlier(run_id, body_hash)

    async def replay(self, start: Start) -> Earlier | None:
        earlier: Earlier | None = await self._db.write(lambda tx: self.begin(tx, start))
        return earlier

    async def begin(self, tx: Transaction, start: Start) -> Earlier | None:
        if (earlier := await _recalled(tx, start)) is not None:
            return earlier
        if start.new.replay_of is not None:
            await _note_replay(tx, start)
        ((written, _),) = await tx.rows("start", *_columns([start]))
        if written:
            return None
        if (earlier := await _recalled(tx, start)) is not None:
            return earlier  # another transaction was quicker with the same key
        parent = start.new.parent
        assert parent is not None  # noqa: S101 - nothing else keeps a run from being written
        raise LeaseLost(f"run {parent.run_id} is no longer held with epoch {parent.epoch}")

    async def begin_all(self, tx: Transaction, starts: Sequence[Start]) -> None:
        if starts:
            await tx.rows("start", *_columns(starts))

    async def claim(
        self, worker: str, turns: Sequence[Turn], limit: int, queued_until: int, now: int
    ) -> list[Claimed]:
        projects, allowed = [t.project for t in turns], [t.allowed for t in turns]
        rows = await self._db.rows("claim", worker, now, projects, allowed, limit, queued_until)
        return await self._claimed(rows)

    async def claim_known(
        self, worker: str, ids: Sequence[str], full: Sequence[str], now: int
    ) -> list[Claimed]:
        rows = await self._db.rows("claim_known", worker, now, list(ids), list(full))
        return await self._claimed(rows)

    async def _claimed(self, rows: Sequence[Row]) -> list[Claimed]:
        if not rows:
            return []
        runs = [to_run(row) for row in rows]
        histories: dict[str, list[Event]] = defaultdict(list)
        for run_id, *event in await self._db.rows("histories", [run.id for run in runs]):
            histories[run_id].append(to_event(event))
        return [Claimed(run, run.epoch, tuple(histories[run.id])) for run in runs]

    async def append(self, append: Append) -> bool:
        batch = self._holds if append.settled is None else self._settles
        return await batch.write(append)

    async def _hold(self, appends: Sequence[Append]) -> list[bool]:
        leases = ([a.run_id for a in appends], [a.epoch for a in appends])
        ((good,),) = await self._db.rows("hold", *leases, *_events(appends))
        return _each(appends, good)

    async def _settle(self, appends: Sequence[Append]) -> list[bool]:
        rows = [(a.run_id, a.epoch, *(a.settled or NOT_SETTLED)) for a in appends]
        *columns, signals = map(list, zip(*rows, strict=True))
        ((good, _),) = await self._db.rows("settle", *columns, *_events(appends), signals)
        return _each(appends, good)

    async def wake(self, now: int, limit: int) -> list[str]:
        ((woken, _),) = await self._db.rows("wake", now, limit)
        return woken or []

    async def rescue(self, leases: Collection[tuple[str, int]], now: int) -> list[str]:
        ids, epochs = [i for i, _ in leases], [epoch for _, epoch in leases]
        ((rescued, _),) = await self._db.rows("rescue", now, ids, epochs)
        return rescued or []

    async def change(self, kind: Kind, run_id: str, project: str, now: int, facts: str) -> bool:
        rows = await self._db.rows(TRANSITIONS[kind].query, run_id, project, now, facts)
        return any(changed is not None for changed, *_ in rows)

    async def probe(self, now: int) -> None:
        await self._db.rows("probe", now)

    async def forget(self, before: int, limit: int) -> int:
        ((count,),) = await self._db.rows("forget", before, limit)
        return int(count)

    async def forget_rates(self, before: int, limit: int) -> int:
        ((count,),) = await self._db.rows("forget_rates", before, limit)
        return int(count)

    async def followed_up(self, run_id: str) -> None:
        await self._followed.write(run_id)

    async def _follow(self, ids: Sequence[str]) -> list[None]:
        await self._db.rows("followed_up", list(ids))
        return [None] * len(ids)

    async def prune(self, bound: str, before: int, limit: int, *, dead_letters: bool) -> int:
        ((count,),) = await self._db.rows("prune", bound, before, limit, dead_letters)
        return int(count)


async def _recalled(tx: Transaction, start: Start) -> Earlier | None:
    key = start.new.idempotency
    known = [] if key is None else await tx.rows("recall", key.scope, key.key)
    return Earlier(*known[0]) if known else None


async def _note_replay(tx: Transaction, start: Start) -> None:
    new, target = start.new, (str(start.new.replay_of), start.new.project)
    facts = dump({"by": new.by, "run": start.run_id})
    if not await tx.value("replay", *target, start.now, facts, new.closing):
        status = await tx.value("status", *target)
        kind = Kind.DISCARD if new.closing else Kind.REPLAY
        raise refusal(kind, target[0], status and Status(status))


def _columns(starts: Sequence[Start]) -> list[list[Any]]:
    rows = []
    for run_id, new, worker, created_at, now, started, claimed, gate in starts:
        *held_back, until = gate or (None, None)
        key = new.idempotency
        remembered = (None, None, None) if key is None else (key.scope, key.key, key.body_hash)
        of_workflow = (new.project, new.workflow_id, new.version)
        trigger = (new.trigger["id"], new.trigger["type"], new.replay_of)
        times = (now, new.deadline, new.priority)
        epoch = None if new.parent is None else new.parent.epoch
        limited = (*kinship(new), limits_text(new), *held_back, epoch, until)
        rows.append(
            (
                run_id,
                *of_workflow,
                worker,
                *trigger,
                *times,
                *limited,
                *remembered,
                started,
                claimed,
                created_at,
            )
        )
    return [list(column) for column in zip(*rows, strict=True)]


def _events(appends: Sequence[Append]) -> list[list[Any]]:
    rows = [
        (a.run_id, seq, *event) for a in appends for seq, event in enumerate(a.events, a.seq + 1)
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _each(appends: Sequence[Append], good: list[str] | None) -> list[bool]:
    found = set(good or ())
    return [append.run_id in found for append in appends]
