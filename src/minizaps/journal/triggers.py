"""Triggers that are due: what a process finds, and how it takes down that it has fired them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from minizaps.clock import Clock
from minizaps.ids import uuid7
from minizaps.journal import gates
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.records import NewRun
from minizaps.journal.transaction import Transaction
from minizaps.journal.transitions import Earlier, Start
from minizaps.journal.turns import Moves, Places

REMEMBERED = 90 * 86_400_000  # milliseconds that an item is known after it was there last
FIRING = "triggers"  # the key of all writes that fire: those of several processes take turns


class DueTrigger(NamedTuple):
    """A trigger whose time has come, of an active workflow's present version.

    Attributes:
        due_at: since when, in milliseconds.
        epoch: what fences a write: it has to be the row's still.
        failures: how often it has failed in a row.
        cursor: how far its source has been read, as JSON text.
    """

    project: str
    workflow_id: str
    version: int
    id: str
    type: str
    config: dict[str, Any]
    due_at: int
    epoch: int
    failures: int
    cursor: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.workflow_id, self.id


class Firing(NamedTuple):
    """What a look at a trigger comes to: one write, all or nothing.

    Attributes:
        due_at: when to look at it again; None if never.
        served_at: the last time for which it has started runs, if it goes by times.
        runs: what it starts.
        error: why it could not start one: `type` and `detail`.
        cursor: how far its source has been read, as JSON text; as before if None.
        seen: hashes of the items that it has seen.
    """

    trigger: DueTrigger
    due_at: int | None
    served_at: int | None = None
    runs: Sequence[NewRun] = ()
    error: dict[str, str] | None = None
    cursor: str | None = None
    seen: Sequence[str] = ()


class Triggers:
    """Finds the triggers that are due, and fires them."""

    def __init__(self, database: Database, journal: Journal, clock: Clock) -> None:
        self._db = database
        self._journal = journal
        self._clock = clock
        self._places = Places()

    async def due(self, kind: str, limit: int) -> list[DueTrigger]:
        """The triggers of a type that are due, the longest due ones first."""
        rows = await self._db.rows("due_triggers", kind, self._clock.now(), limit)
        found = [DueTrigger(*row) for row in rows]
        return [trigger._replace(config=orjson.loads(str(trigger.config))) for trigger in found]

    async def next_due(self, kind: str) -> int | None:
        """When the next trigger of a type is due, in milliseconds."""
        for (due_at,) in await self._db.rows("next_due_trigger", kind):
            return int(due_at)
        return None

    async def hold(self, trigger: DueTrigger, until: int) -> DueTrigger | None:
        """Take a trigger for a look that lasts, so that nobody else looks until a time.

        Args:
            until: milliseconds; when it is due again if nothing is heard of the look.

        Returns:
            the trigger with its new epoch, and with its workflow's present version; None if
            somebody else was quicker, or it is not due any more.
        """

        async def operation(tx: Transaction) -> list[DueTrigger]:
            rows = await tx.rows("hold_trigger", *trigger.key, trigger.epoch, until)
            return [trigger._replace(epoch=epoch, version=version) for epoch, version in rows]

        held = await self._db.write(operation, [FIRING])
        return held[0] if held else None

    async def known_items(self, trigger: DueTrigger, items: list[str]) -> dict[str, int]:
        """Those of some items that a trigger has seen, and when last, in milliseconds."""
        rows = await self._db.rows("known_items", *trigger.key, items)
        return {str(item): int(seen_at) for item, seen_at in rows}

    async def fire(self, firings: Sequence[Firing]) -> list[Firing]:
        """Start the runs of triggers and move these on, in one write each or in one for all.

        Returns:
            those that were fired; the others have been fired, changed or stopped by somebody else
            in the meantime, and nothing was written for them.
        """
        plain = [f for f in firings if all(run.limits is None for run in f.runs)]
        limited = [f for f in firings if any(run.limits is not None for run in f.runs)]
        groups = [*([plain] if plain else []), *([firing] for firing in limited)]
        fired = await asyncio.gather(*map(self._fire, groups))
        return [firing for group in fired for firing in group]

    async def _fire(self, firings: Sequence[Firing]) -> list[Firing]:
        now = self._clock.now()
        rows = orjson.dumps([_row(firing, now) for firing in firings]).decode()
        starts = [(firing, self._start(run, now)) for firing in firings for run in firing.runs]
        places = {start.run_id: self._places.next(now) for _, start in starts}
        limits = [start.new.limits for _, start in starts if start.new.limits is not None]

        async def operation(tx: Transaction) -> tuple[list[Firing], Moves]:
            moved_on = {(row[0], row[1]) for row in await tx.rows("advance_triggers", rows)}
            won = [firing for firing in firings if firing.trigger.key in moved_on]
            for firing in won:
                if firing.seen:
                    await tx.execute("see_items", *firing.trigger.key, list(firing.seen), now)
                    await tx.execute("forget_old_items", *firing.trigger.key, now - REMEMBERED)
            begun = [start for firing, start in starts if firing.trigger.key in moved_on]
            free = [start for start in begun if start.new.limits is None]
            await self._db.transitions.begin_all(tx, free)
            moves = Moves().and_queued(*(start.run_id for start in free))
            for start in begun:
                if start.new.limits is not None:
                    place = places[start.run_id]
                    entered = await gates.enter(
                        tx, self._db.transitions.begin, start, place, self._clock
                    )
                    if not isinstance(entered, Earlier):
                        moves = moves.and_these(entered)
            return won, moves

        keys = sorted({FIRING, *(key for limit in limits for key in gates.keys_of(limit))})
        apart = any(gates.stops_others(limit) for limit in limits)
        won, moves = await self._db.write(operation, keys, apart=apart)
        self._journal.moved(moves)
        return won

    def _start(self, run: NewRun, now: int) -> Start:
        facts = orjson.dumps({"trigger": run.trigger}).decode()
        return Start(uuid7(now), run, None, now, now, facts, None)


def _row(firing: Firing, now: int) -> dict[str, Any]:
    """The parameters of the query `advance_triggers`."""
    trigger, due_at, served_at, runs, error, cursor, _ = firing
    return {
        "workflow_id": trigger.workflow_id,
        "id": trigger.id,
        "epoch": trigger.epoch,
        "due_at": due_at,
        "served_at": served_at,
        "fired_at": now if runs else None,
        "error": error and orjson.dumps({"at": now, **error}).decode(),
        "cursor": cursor,
        "failures": 0 if error is None else trigger.failures + 1,
    }
