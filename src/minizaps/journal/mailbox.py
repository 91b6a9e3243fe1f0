"""Putting a signal into a run's mailbox, and waking the run if it waits."""

from __future__ import annotations

from typing import Any

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound
from minizaps.journal.database import Database
from minizaps.journal.rows import dump
from minizaps.journal.status import ENDED, Kind, Status
from minizaps.journal.transaction import Transaction
from minizaps.journal.turns import Moves, write_event


async def post(
    database: Database, run_id: str, name: str, data: dict[str, Any], clock: Clock
) -> Moves | None:
    """Send a signal to a run.

    Returns:
        whom to tell; None, and nothing is changed, if the run has a signal of this name, also if
        it has ended.

    Raises:
        NotFound, Conflict: there is no such run, or it has ended.
    """

    async def operation(tx: Transaction) -> Moves | None:
        for status, number in await tx.rows("run_for_signal", run_id):
            if await tx.rows("signal", run_id, name):
                return None
            if status in ENDED:
                raise Conflict(f"the run is {status}: it waits for nothing any more")
            now = clock.now()
            await tx.execute("insert_signal", run_id, name, number + 1, now, dump(data))
            await tx.execute("count_signal", run_id, number + 1)
            if status == Status.WAITING:
                await tx.execute("wake_one", run_id, now)
                await write_event(tx, run_id, now, Kind.WAKE)
                return Moves().and_queued(run_id)
            return Moves().and_signalled(run_id) if status == Status.RUNNING else Moves()
        raise NotFound(f"there is no run {run_id}")

    # The lock on the run's row keeps its worker from leaving it to wait meanwhile.
    return await database.write(operation, (f"signals:{run_id}",), apart=True)
