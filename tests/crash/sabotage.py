"""Breaks one promise in a server process, to prove that the checker notices."""

from __future__ import annotations

import time
from typing import Any

from minizaps.engine import execution
from minizaps.engine.attempt import Outcome, make_attempt
from minizaps.errors import MinizapsError
from minizaps.failpoints import failpoint
from minizaps.journal import database
from minizaps.journal.writer import Writer

ANSWERED_AHEAD = 0.05  # seconds between the early answer and the commit

_UNFENCED = {
    "hold": "SELECT 1 FROM runs WHERE id = ? AND ? IS NOT NULL",
    "settle": "UPDATE runs SET status = ?, worker = NULL, due_at = ?, finished_at = ?, "
    "error_type = ?, error_path = ?, dead_letter = ? WHERE id = ? AND ? IS NOT NULL",
    "insert_event": "INSERT INTO events (run_id, seq, at, kind, path, attempt, data) "
    "SELECT ?1, max(?2, coalesce(max(seq), 0) + 1), ?3, ?4, ?5, ?6, ?7 FROM events "
    "WHERE run_id = ?1",
}


def without_fence() -> None:
    """A worker's writes are taken whatever became of its lease."""
    load = database.load_queries
    database.load_queries = lambda name: {**load(name), **_UNFENCED}


def answer_before_commit() -> None:
    """The writer answers first and commits afterwards."""
    answer = Writer._answer

    def transact(self: Writer, batch: list[Any]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for write in batch:
            try:
                write.result = write.operation(self._db)
            except MinizapsError as error:
                write.error = error
        self._loop.call_soon_threadsafe(self._answer, list(batch))
        time.sleep(ANSWERED_AHEAD)
        failpoint("commit.before")
        self._db.execute("COMMIT")

    def answer_once(self: Writer, batch: list[Any]) -> None:
        answer(self, [write for write in batch if not write.future.done()])

    Writer._transact = transact  # type: ignore[method-assign]
    Writer._answer = answer_once  # type: ignore[method-assign]


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
