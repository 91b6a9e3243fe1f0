"""Breaks one promise in a server process, to prove that the checker notices."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import Any

from minizaps.engine import execution, planner
from minizaps.engine.attempt import Begin, Given, Outcome, Tools, make_attempt
from minizaps.engine.history import History
from minizaps.engine.lanes import StepState
from minizaps.engine.plan import Task
from minizaps.journal import gates, queries
from minizaps.journal.postgres import database as postgres
from minizaps.journal.postgres.transitions import PostgresTransitions
from minizaps.journal.records import Event
from minizaps.journal.signals import Signals
from minizaps.journal.sqlite import database as sqlite
from minizaps.journal.sqlite.transitions import SqliteTransitions
from minizaps.journal.status import Kind
from minizaps.journal.transitions import Start

AHEAD = 0.2  # seconds between the early answer and the commit

FENCES = {
    "sqlite": (r"epoch = (\?\d*) AND status = 'running'", r"\1 IS NOT NULL"),
    "postgres": (
        r"r\.epoch = g\.epoch AND \(r\.status = 'running'\) IS TRUE",
        "g.epoch IS NOT NULL",
    ),
}


def without_fence() -> None:
    """A worker's writes are taken whatever became of its lease."""

    def unfenced(name: str) -> dict[str, str]:
        loaded = queries.load_queries(name)
        for fenced in ("hold", "settle"):
            loaded[fenced], gaps = re.subn(*FENCES[name], loaded[fenced])
            assert gaps
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

    async def unrecorded(task: Task, given: Given, tools: Tools, _: Begin | None) -> Outcome:
        return await make_attempt(task, given, tools, None)

    execution.make_attempt = unrecorded


def without_limit() -> None:
    """A foreach begins all its items at once."""

    def all_at_once(_: StepState) -> int:
        return 1_000

    planner._width = all_at_once


def without_turns() -> None:
    """A run under a concurrency limit always finds room."""

    async def always(*_: object) -> tuple[int, bool]:
        return 0, True

    gates.has_room = always


def forget_items() -> None:
    """What the items of a foreach have come to is forgotten when their run goes on later."""
    extend = History.extend

    def forgetful(self: History, events: Iterable[Event]) -> None:
        kept = [e for e in events if e.kind != Kind.COMPLETE or "[" not in (e.path or "")]
        seq = events[-1].seq if isinstance(events, tuple) else 0
        extend(self, kept)
        self.seq = max(self.seq, seq)

    History.extend = forgetful  # type: ignore[method-assign]


def too_early() -> None:
    """A step that waits for a time does not wait for all of it."""
    go_on = planner._go_on

    def hasty(history: History, state: StepState, now: int, *, deep: bool) -> Iterator[Any]:
        if state.until is not None and state.signal is None:
            now += int(1000 * AHEAD)
        yield from go_on(history, state, now, deep=deep)

    planner._go_on = hasty


def thank_before_commit() -> None:
    """An answer to a waiting step is acknowledged first, and written down afterwards."""
    post, late = Signals.post, set()

    async def write_later(*args: Any) -> None:
        await asyncio.sleep(AHEAD)
        await post(*args)

    async def hasty(*args: Any) -> bool:
        task = asyncio.create_task(write_later(*args))
        late.add(task)
        task.add_done_callback(late.discard)
        return True

    Signals.post = hasty  # type: ignore[method-assign, assignment]


SABOTAGES = {
    "fence": without_fence,
    "answer": answer_before_commit,
    "record": without_attempt_record,
    "limit": without_limit,
    "turns": without_turns,
    "items": forget_items,
    "early": too_early,
    "thanks": thank_before_commit,
}
