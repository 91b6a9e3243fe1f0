"""Triggers that listen: which there are, and what became of them last."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from minizaps.clock import Clock
from minizaps.journal.database import Database
from minizaps.journal.transaction import Transaction

TOLD = 3_600_000  # milliseconds that a message which was refused is told, whatever comes after it


class Listener(NamedTuple):
    """A trigger of an active workflow's present version.

    Two that are equal listen alike: a change of the trigger, of its workflow or of its credential
    makes another one of it.

    Attributes:
        epoch: of its row, which each change raises.
        revision: of its credential; None if there is none of that name.
    """

    project: str
    workflow_id: str
    version: int
    id: str
    config: dict[str, Any]
    epoch: int
    revision: int | None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.workflow_id, self.id


class Listeners:
    """Finds the triggers that listen, and takes down how they fare."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    async def present(self, kind: str) -> list[Listener]:
        """Those of a type that are to listen now."""
        found = [Listener(*row) for row in await self._db.rows("listeners", kind)]
        return [each._replace(config=orjson.loads(str(each.config))) for each in found]

    async def fares_well(self, listener: Listener, *, fired: bool) -> None:
        """It listens, and has started a run just now if it has `fired`."""
        now = self._clock.now()
        fired_at = now if fired else None
        await self._write("listener_fares_well", listener, fired_at, now - TOLD)

    async def failed(self, listener: Listener, kind: str, detail: str) -> None:
        """It cannot listen, or could not start a run (type `not_started`)."""
        error = {"at": self._clock.now(), "type": kind, "detail": detail}
        await self._write("listener_failed", listener, orjson.dumps(error).decode())

    async def _write(self, query: str, listener: Listener, *values: Any) -> None:
        async def operation(tx: Transaction) -> None:
            await tx.execute(query, *listener.key, listener.epoch, *values)

        await self._db.write(operation)
