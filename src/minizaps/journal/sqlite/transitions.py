"""The transitions on SQLite: each a few statements inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import apsw
import orjson

from minizaps.errors import LeaseLost
from minizaps.journal.records import Claimed, Parent
from minizaps.journal.rows import dump, kinship, limits_text, to_event, to_run
from minizaps.journal.sqlite.writer import Writer
from minizaps.journal.status import TRANSITIONS, Kind, Status
from minizaps.journal.transaction import Transaction
from minizaps.journal.transitions import Append, Earlier, Start, Turn, refusal

EVERY_EVENT = 1_000_000


class SqliteTransitions:
    """See `Transitions`."""

    def __init__(self, writer: Writer, queries: dict[str, str]) -> None:
        self._writer = writer
        self._q = queries

    async def start(self, start: Start) -> Earlier | None:
        return await self._writer.write(lambda db: self._start(db, start))

    async def begin(self, tx: Transaction, start: Start) -> Earlier | None:
        return self._start(self._writer.connection, start)

    async def begin_all(self, tx: Transaction, starts: Sequence[Start]) -> None:
        for start in starts:
            self._start(self._writer.connection, start)

    def _start(self, db: apsw.Connection, start: Start) -> Earlier | None:
        new, run_id, worker, now = start.new, start.run_id, start.worker, start.now
        key = new.idempotency
        if key is not None:
            for known in db.execute(self._q["recall"], (key.scope, key.key)):
                return Earlier(*known)
        if new.parent is not None:
            self._adopt(db, new.parent)
        if new.replay_of is not None:
            self._replay(db, start)
        if key is not None:
            db.execute(self._q["remember"], (key.scope, key.key, key.body_hash, run_id, now))
        kind, status = Kind.START, Status.QUEUED if worker is None else Status.RUNNING
        epoch, started_at, due_at = (0, None, now) if worker is None else (1, now, None)
        gate = None
        if start.gate is not None:
            kind, status, (gate, due_at) = Kind.DEFER, Status.WAITING, start.gate
        trigger = (new.trigger["id"], new.trigger["type"], new.replay_of)
        row = (run_id, new.project, new.workflow_id, new.version, status, epoch, worker, *trigger)
        times = (start.created_at, started_at, due_at, new.deadline, new.priority)
        db.execute(self._q["start"], (*row, *times, *kinship(new), gate, limits_text(new)))
        insert = self._q["insert_event"]
        db.execute(insert, (run_id, 1, now, kind, None, None, start.started))
        if worker is not None:
            db.execute(insert, (run_id, 2, now, Kind.CLAIM, None, None, start.claimed))
        return None

    def _adopt(self, db: apsw.Connection, parent: Parent) -> None:
        bound = (parent.run_id, parent.epoch, parent.awaited)
        if db.execute(self._q["adopt"], bound).get is None:
            raise LeaseLost(f"run {parent.run_id} is no longer held with epoch {parent.epoch}")

    async def replay(self, start: Start) -> Earlier | None:
        return await self.start(start)

    def _replay(self, db: apsw.Connection, start: Start) -> None:
        new = start.new
        db.execute(self._q["replay"], (new.replay_of, new.project, new.closing))
        if not db.changes():
            status = db.execute(self._q["status"], (new.replay_of, new.project)).get
            raise refusal(Kind.DISCARD if new.closing else Kind.REPLAY, str(new.replay_of), status)
        facts = dump({"by": new.by, "run": start.run_id})
        self._add(db, [str(new.replay_of)], start.now, Kind.REPLAY, facts)

    async def claim(
        self, worker: str, turns: Sequence[Turn], limit: int, queued_until: int, now: int
    ) -> list[Claimed]:
        def operation(db: apsw.Connection) -> list[Claimed]:
            chosen: list[str] = []
            for project, allowed in turns:
                wanted = min(allowed, limit - len(chosen))
                bound = (project, queued_until, wanted)
                chosen += (i for (i,) in db.execute(self._q["oldest_queued"], bound))
            return self._claim(db, worker, chosen, now)

        return await self._writer.write(operation)

    async def claim_known(
        self, worker: str, ids: Sequence[str], full: Sequence[str], now: int
    ) -> list[Claimed]:
        bound = (_array(ids), _array(full))

        def operation(db: apsw.Connection) -> list[Claimed]:
            known = [i for (i,) in db.execute(self._q["queued_of"], bound)]
            return self._claim(db, worker, known, now)

        return await self._writer.write(operation)

    def _claim(
        self, db: apsw.Connection, worker: str, chosen: Iterable[str], now: int
    ) -> list[Claimed]:
        claimed = []
        for run_id in chosen:
            run = to_run(next(db.execute(self._q["claim"], (worker, now, run_id))))
            facts = dump({"worker": worker, "epoch": run.epoch})
            self._add(db, [run_id], now, Kind.CLAIM, facts)
            rows = db.execute(self._q["events"], (run_id, 0, EVERY_EVENT))
            claimed.append(Claimed(run, run.epoch, tuple(map(to_event, rows))))
        return claimed

    async def append(self, append: Append) -> bool:
        run_id, epoch, seq, events, settled = append

        def operation(db: apsw.Connection) -> bool:
            query = self._q["hold" if settled is None else "settle"]
            if db.execute(query, (*(settled or ()), run_id, epoch)).get is None:
                return False
            numbered = [(run_id, number, *event) for number, event in enumerate(events, seq + 1)]
            db.executemany(self._q["insert_event"], numbered)
            return True

        return await self._writer.write(operation)

    async def wake(self, now: int, limit: int) -> list[str]:
        def operation(db: apsw.Connection) -> list[str]:
            woken = [i for (i,) in db.execute(self._q["wake"], (now, limit))]
            self._add(db, woken, now, Kind.WAKE)
            return woken

        return await self._writer.write(operation)

    async def rescue(self, leases: Collection[tuple[str, int]], now: int) -> list[str]:
        bound = (now, _array([i for i, _ in leases]), _array([epoch for _, epoch in leases]))

        def operation(db: apsw.Connection) -> list[str]:
            rescued = [i for (i,) in db.execute(self._q["rescue"], bound)]
            self._add(db, rescued, now, Kind.RESCUE)
            return rescued

        return await self._writer.write(operation)

    async def change(self, kind: Kind, run_id: str, project: str, now: int, facts: str) -> bool:
        def operation(db: apsw.Connection) -> bool:
            db.execute(self._q[TRANSITIONS[kind].query], (run_id, project, now))
            if not db.changes():
                return False
            self._add(db, [run_id], now, kind, facts)
            return True

        return await self._writer.write(operation)

    async def probe(self, now: int) -> None:
        await self._writer.write(lambda db: db.execute(self._q["probe"], (now,)))

    async def forget(self, before: int, limit: int) -> int:
        def operation(db: apsw.Connection) -> int:
            db.execute(self._q["forget"], (before, limit))
            return db.changes()

        return await self._writer.write(operation)

    async def forget_rates(self, before: int, limit: int) -> int:
        def operation(db: apsw.Connection) -> int:
            db.execute(self._q["forget_rates"], (before, limit))
            return db.changes()

        return await self._writer.write(operation)

    async def followed_up(self, run_id: str) -> None:
        await self._writer.write(lambda db: db.execute(self._q["followed_up"], (run_id,)))

    async def prune(self, bound: str, before: int, limit: int, *, dead_letters: bool) -> int:
        def operation(db: apsw.Connection) -> int:
            rows = db.execute(self._q["expired"], (bound, before, limit, dead_letters))
            expired = _array([i for (i,) in rows])
            for table in ("delete_events", "delete_signals", "delete_callbacks"):
                db.execute(self._q[table], (expired,))
            db.execute(self._q["delete_runs"], (expired,))
            return db.changes()

        return await self._writer.write(operation)

    def _add(
        self, db: apsw.Connection, ids: Sequence[str], at: int, kind: Kind, facts: str | None = None
    ) -> None:
        """Add an event from outside the lease to each run, numbered after its last one."""
        for run_id in ids:
            db.execute(self._q["add_event"], (run_id, at, kind, facts))


def _array(values: Sequence[object]) -> str:
    return orjson.dumps(values).decode()
