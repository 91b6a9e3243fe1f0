"""Breaks one promise in a server process, to prove that the checker notices."""

from __future__ import annotations

import asyncio
from typing import Any

from minizaps.engine import execution
from minizaps.engine.attempt import Outcome, make_attempt
from minizaps.journal import queries
from minizaps.journal.postgres import database as postgres
from minizaps.journal.postgres.transitions import PostgresTransitions
from minizaps.journal.sqlite import database as sqlite
from minizaps.journal.sqlite.transitions import SqliteTransitions
from minizaps.journal.transitions import Start

AHEAD = 0.2  # seconds between the early answer and the commit

FENCES = {
    "sqlite": ("epoch = ? AND status = 'running'", "? IS NOT NULL"),
    "postgres": ("r.epoch = g.epoch AND (r.status = 'running') IS TRUE", "g.epoch IS NOT NULL"),
}


def without_fence() -> None:
    """A worker's writes are taken whatever became of its lease."""

    def unfenced(name: str) -> dict[str, str]:
        loaded = queries.load_queries(name)
        fence, gap = FENCES[name]
        for fenced in ("hold", "settle"):
            assert fence in loaded[fenced]
            loaded[fenced] = loaded[fenced].replace(fence, gap)
        return loaded

    sqlite.load_queries = unfenced
    postgres.load_queries = unfenced


def answer_before_commit() -> None:
    """A run is said to have started first, and written down afterwards."""
    late: set[asyncio.Task[None]] = set()

    def hasten(kind: type[SqliteTransitions | PostgresTransitions]) -> None:
        start = kind.start

        async def write_later(self: Any, new: Start) -> None:
            await asyncio.sleep(AHEAD)
            await start(self, new)

        async def hasty(self: Any, new: Start) -> None:
            task = asyncio.create_task(write_later(self, new))
            late.add(task)
            task.add_done_callback(late.discard)

        kind.start = hasty  # type: ignore[method-assign, assignment]

    hasten(SqliteTransitions)
    hasten(PostgresTransitions)


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
