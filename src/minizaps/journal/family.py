"""What the end of a run means for the run that has called it, and for those that it has called."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound
from minizaps.journal.database import Database
from minizaps.journal.mailbox import post
from minizaps.journal.records import Event
from minizaps.journal.rows import dump, to_event
from minizaps.journal.status import Kind
from minizaps.journal.turns import Moves


async def tell_parent(database: Database, run_id: str, parent_id: str, clock: Clock) -> Moves:
    """Tell the run that waits for this one how it has ended; again if it was told before."""
    ends = [to_event(row) for row in await database.rows("ends", run_id)]
    moves = None
    with suppress(Conflict, NotFound):  # nobody waits any more
        moves = await post(database, parent_id, run_id, message_of_end(run_id, ends), clock)
    return moves or Moves()


async def end_children(
    database: Database, run_id: str, project: str, clock: Clock
) -> tuple[Moves, Sequence[str]]:
    """Cancel the runs for whose end this one would wait; return those that were."""
    children = [i for (i,) in await database.rows("awaited_children", run_id)]
    facts = dump({"by": f"run:{run_id}"}) or ""
    change = database.transitions.change
    ended = [i for i in children if await change(Kind.CANCEL, i, project, clock.now(), facts)]
    return Moves().and_cancelled(*ended), ended


def message_of_end(run_id: str, ends: Sequence[Event]) -> dict[str, Any]:
    """What the step that has called a run is told: the `output` or the `error` that it has."""
    details: dict[str, Any] = {"run": run_id}
    for event in ends:
        if event.kind is Kind.SUCCEED:
            return {"output": {"run_id": run_id, "output": event.data["output"]}}
        if event.kind is Kind.FAIL:
            error = event.data["error"]
            message = f"the run it has called has failed: {error['message']}"
            details["error"] = error
            return _error("workflow_failed", message, details, retryable=True)
    return _error("workflow_cancelled", "the run it has called was cancelled", details)


def _error(
    kind: str, message: str, details: dict[str, Any], *, retryable: bool = False
) -> dict[str, Any]:
    error = {"type": kind, "message": message, "retryable": retryable, "details": details}
    return {"error": error}
