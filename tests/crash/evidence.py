"""The three logs: what the client was told, what the sink was called, what the journal says."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from minizaps.settings import SQLITE

# Milliseconds by which the database's clock, as a process that has just started on a machine that
# is busy keeps it, may be off. What wakes runs is the database's own clock.
CLOCKS_APART = 25
AS_IT_IS = {
    "run_id": "run_id",
    "id": "r.id",
    "replay_of": "r.replay_of",
    "parent_id": "r.parent_id",
}
AS_TEXT = {name: f"{column}::text" for name, column in AS_IT_IS.items()}


@dataclass
class Post:
    """One run that the client asked for, by one door, perhaps several times.

    Attributes:
        key: the `webhook-id` or `Idempotency-Key`; None where it was sent without one.
        run_ids: the run id of each 2xx.
        refusals: answers that were not 2xx.
    """

    token: str
    workflow: str
    door: str
    key: str | None
    delay: float
    sent: int = 0
    run_ids: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Cancel:
    """One cancellation that was acknowledged."""

    run_id: str
    door: str


@dataclass(frozen=True)
class Call:
    """One call that the sink got; `at` in milliseconds.

    Attributes:
        url: where it was asked to call back.
    """

    at: int
    run: str
    step: str
    call: int
    attempt: str | None
    key: str | None
    status: int
    url: str | None = None


@dataclass(frozen=True)
class Answer:
    """One call back by the sink, which it was answered for.

    Attributes:
        step: the step that had asked for it.
    """

    at: int
    run: str
    step: str
    body: dict[str, Any]
    status: int


@dataclass
class Replay:
    """A replay that the client asked for, with the run ids of its 2xx answers."""

    of: str
    run_ids: list[str] = field(default_factory=list)


@dataclass
class Life:
    """One process, from its start to its end; times in milliseconds.

    Attributes:
        worker: the name under which it claimed runs; empty where it is not known.
    """

    spawned: int
    failpoint: str | None = None
    ready: int | None = None
    ended: int = 0
    how: str = ""
    worker: str = ""


@dataclass(frozen=True)
class Trouble:
    """Something that was done to the processes or their servers.

    Attributes:
        excuses: whether runs may be taken from workers that live.
    """

    at: int
    what: str
    excuses: bool = True


@dataclass(frozen=True)
class Event:
    """One event of the journal."""

    seq: int
    at: int
    kind: str
    path: str | None = None
    attempt: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of the journal: its row, its events and its signals by their names."""

    id: str
    workflow: str
    status: str
    epoch: int
    finished_at: int | None
    error_type: str | None
    dead_letter: str | None
    events: tuple[Event, ...]
    replay_of: str | None = None
    parent: str | None = None
    signals: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, *kinds: str, path: str | None = None) -> list[Event]:
        """The events of these kinds (of one step)."""
        return [e for e in self.events if e.kind in kinds and path in (None, e.path)]

    def results(self, step: str) -> list[Event]:
        """How the attempts of a step have ended: completed, or failed and what came of it."""
        found = self.of("complete", "retry", path=step)
        failed = [e for e in self.of("catch", "fail") if e.data["error"].get("step") == step]
        return found + failed[:1]  # the end of a run says again what `on_failure` was for


@dataclass(frozen=True)
class Turn:
    """One change of a run's row at a gate.

    Attributes:
        what: `waits`, `taken` or `left`.
        status, epoch: the run's at that moment.
    """

    key: str
    run: str
    what: str
    status: str
    epoch: int


@dataclass
class Evidence:
    """All that the checker looks at.

    Attributes:
        found: how many runs the workers of the end had claimed, by how they found them.
        turns: what has happened at the gates; under each key in its order.
    """

    posts: list[Post]
    cancels: list[Cancel]
    calls: list[Call]
    lives: list[Life]
    runs: dict[str, Run]
    troubles: list[Trouble] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    @property
    def slack(self) -> int:
        """Milliseconds by which the times of two logs may differ."""
        return CLOCKS_APART if self.troubles else 0

    @property
    def paused(self) -> bool:
        """Whether a process stood still: what it was about to send may have come late."""
        return any("paused" in trouble.what for trouble in self.troubles)

    def calls_of_runs(self) -> dict[str, dict[str, list[Call]]]:
        """The calls of each run's steps, in their order."""
        found: dict[str, dict[str, list[Call]]] = defaultdict(lambda: defaultdict(list))
        for call in sorted(self.calls, key=lambda call: call.at):
            found[call.run][call.step].append(call)
        return found


def read_calls(log: Path) -> list[Call]:
    """The sink's log."""
    return [Call(**json.loads(line)) for line in log.read_text().splitlines()]


def read_answers(log: Path) -> list[Answer]:
    """The sink's log of the answers that it gave."""
    return [Answer(**json.loads(line)) for line in log.read_text().splitlines()]


async def read_runs(url: str) -> dict[str, Run]:
    """Everything that the journal says about runs, read past the program."""
    events: dict[str, list[Event]] = defaultdict(list)
    query = "SELECT {run_id}, seq, at, kind, path, attempt, data FROM events ORDER BY run_id, seq"
    for run_id, seq, at, kind, path, attempt, data in await select(url, query):
        facts = json.loads(data) if data else {}
        events[run_id].append(Event(seq, at, kind, path, attempt, facts))
    rows = await select(
        url,
        "SELECT {id}, w.name, r.status, r.epoch, r.finished_at, r.error_type, r.dead_letter, "
        "{replay_of}, {parent_id} FROM runs r JOIN workflows w ON w.id = r.workflow_id",
    )
    signals: dict[str, dict[str, Any]] = defaultdict(dict)
    for run_id, name, data in await select(url, "SELECT {run_id}, name, data FROM signals"):
        signals[run_id][name] = json.loads(data)
    # Events without a run are runs too, so that the checker sees them.
    nothing = ("?", "no row", 0, None, None, None, None, None)
    strays = [(run_id, *nothing) for run_id in events.keys() - {row[0] for row in rows}]
    return {
        run_id: Run(run_id, *row, tuple(events.get(run_id, ())), origin, parent, signals[run_id])
        for run_id, *row, origin, parent in [*rows, *strays]
    }


async def count_live(url: str) -> int:
    """How many runs have not ended."""
    query = "SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'waiting')"
    ((count,),) = await select(url, query)
    return int(count)


async def select(url: str, query: str) -> list[Sequence[Any]]:
    """The rows of a query on a database of the installation, whichever it is."""
    if url.startswith(SQLITE):
        return await asyncio.to_thread(_select_from_file, url.removeprefix(SQLITE), query)
    db = await asyncpg.connect(url)
    try:
        rows = await db.fetch(query.format(**AS_TEXT))
        return [tuple(row) for row in rows]
    finally:
        await db.close()


def _select_from_file(path: str, query: str) -> list[Sequence[Any]]:
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        db.set_busy_timeout(5000)
        return list(db.execute(query.format(**AS_IT_IS)))
    finally:
        db.close()
