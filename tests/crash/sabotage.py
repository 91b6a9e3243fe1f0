"""Breaks one promise in a server process, to prove that the checker notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import apsw

from minizaps.engine import execution
from minizaps.engine.attempt import Outcome, make_attempt
from minizaps.journal import database
from minizaps.journal.journal import Journal
from minizaps.journal.writer import Writer

AHEAD = 0.2  # seconds between the early answer and the commit

Operation = Callable[[apsw.Connection], Any]

FENCE = "epoch = ? AND status = 'running'"


def without_fence() -> None:
    """A worker's writes are taken whatever became of its lease."""
    load = database.load_queries

    def unfenced(name: str) -> dict[str, str]:
        queries = load(name)
        for fenced in ("hold", "settle"):
            assert FENCE in queries[fenced]
            queries[fenced] = queries[fenced].replace(FENCE, "? IS NOT NULL")
        return queries

    database.load_queries = unfenced


def answer_before_commit() -> None:
    """A run is said to have started first, and written down afterwards."""
    write = Writer.write
    late: set[asyncio.Task[None]] = set()

    async def write_later(writer: Writer, operation: Operation) -> None:
        await asyncio.sleep(AHEAD)
        await write(writer, operation)

    async def hasty(self: Writer, operation: Operation) -> Any:
        if not operation.__qualname__.startswith(Journal.start.__qualname__):
            return await write(self, operation)
        result = await write(self, lambda db: _rehearse(db, operation))
        task = asyncio.create_task(write_later(self, operation))
        late.add(task)
        task.add_done_callback(late.discard)
        return result

    Writer.write = hasty  # type: ignore[method-assign]


def _rehearse(db: apsw.Connection, operation: Operation) -> Any:
    """The result that an operation will have; it is undone."""
    db.execute("SAVEPOINT rehearsal")
    try:
        return operation(db)
    finally:
        db.execute("ROLLBACK TO rehearsal")
        db.execute("RELEASE rehearsal")


def without_attempt_record() -> None:
    """Attempts begin without a record in the journal."""

    async def unrecorded(*args: Any, **keys: Any) -> Outcome:
        return await make_attempt(*args, **{**keys, "begin": None})

    execution.make_attempt = unrecorded


SABOTAGES = {
    "fence": without_fence,
    "answer": answer_before_commit,
    "record": without_attempt_record,
}
