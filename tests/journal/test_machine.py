"""A state machine against a small model: whatever happens in whatever order, the two agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from minizaps.clock import ManualClock
from minizaps.errors import Conflict, LeaseLost
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.status import ENDED, TRANSITIONS, Kind, Status
from tests.journal.runs import ROOM, append, ended, kinds_of, new_run, status_of
from tests.servers.postgres_fixtures import TEMPLATE

LEASED = [kind for kind, transition in TRANSITIONS.items() if transition.leased]


@dataclass
class Model:
    status: Status
    epoch: int
    due_at: int | None = None
    dead: bool = False
    ends: int = 0


class JournalMachine(RuleBasedStateMachine):
    runs: Bundle[str] = Bundle("runs")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.url = url
        self.clock = ManualClock()
        self.worker = 1
        self.model: dict[str, Model] = {}
        self.open()

    def open(self) -> None:
        self.database = self.loop.run(open_database(self.url))
        self.journal = Journal(self.database, self.clock)

    def teardown(self) -> None:
        self.loop.run(self.database.close())
        self.loop.close()

    @property
    def name(self) -> str:
        return f"worker-{self.worker}"

    @rule(target=runs, at_once=st.booleans())
    def start(self, at_once: bool) -> str:
        worker = self.name if at_once else None
        started = self.loop.run(self.journal.start(new_run(), worker=worker))
        status = Status.RUNNING if at_once else Status.QUEUED
        self.model[started.run_id] = Model(status, int(at_once))
        return started.run_id

    @rule()
    def claim(self) -> None:
        claimed = self.loop.run(self.journal.claim(self.name, ROOM))
        queued = {run_id for run_id, m in self.model.items() if m.status is Status.QUEUED}
        assert {c.run.id for c in claimed} == queued
        for run in claimed:
            model = self.model[run.run.id]
            model.status, model.epoch = Status.RUNNING, model.epoch + 1
            assert run.epoch == model.epoch

    @rule(run_id=runs, kind=st.sampled_from(LEASED), stale=st.sampled_from([0, 0, 0, 1]))
    def write(self, run_id: str, kind: Kind, stale: int) -> None:
        model = self.model[run_id]
        allowed = model.status is Status.RUNNING and not stale
        try:
            self.loop.run(append(self.journal, self.database, run_id, model.epoch - stale, kind))
        except LeaseLost:
            assert not allowed
            return
        assert allowed
        model.status = TRANSITIONS[kind].after or model.status
        model.ends += model.status in ENDED
        model.dead = model.status is Status.FAILED
        model.due_at = self.clock.now() + 1000 if model.status is Status.WAITING else None

    @rule(seconds=st.sampled_from([0.4, 1.0]))
    def wake(self, seconds: float) -> None:
        self.clock.advance(seconds)
        woken = self.loop.run(self.journal.wake(100))
        due = [m for m in self.model.values() if m.due_at and m.due_at <= self.clock.now()]
        assert woken == len(due)
        for model in due:
            model.status, model.due_at = Status.QUEUED, None

    @rule(run_id=runs)
    def cancel(self, run_id: str) -> None:
        model = self.model[run_id]
        try:
            self.loop.run(self.journal.cancel(run_id, "default", "ada"))
        except Conflict:
            assert model.status in ENDED
            return
        assert model.status not in ENDED
        model.status, model.due_at = Status.CANCELLED, None
        model.ends += 1

    @rule(target=runs, run_id=runs)
    def replay(self, run_id: str) -> str:
        model = self.model[run_id]
        try:
            started = self.loop.run(self.journal.start(new_run(replay_of=run_id)))
        except Conflict:
            assert model.status not in ENDED
            return multiple()  # type: ignore[return-value]
        assert model.status in ENDED
        model.dead = False
        self.model[started.run_id] = Model(Status.QUEUED, 0)
        return started.run_id

    @rule(run_id=runs)
    def discard(self, run_id: str) -> None:
        model = self.model[run_id]
        try:
            self.loop.run(self.journal.discard(run_id, "default", "ada", None))
        except Conflict:
            assert not model.dead
            return
        assert model.dead
        model.dead = False

    @rule()
    def crash(self) -> None:
        """Another process opens the database; the old worker's runs are rescued."""
        self.loop.run(self.database.close())
        self.open()
        self.worker += 1
        rescued = self.loop.run(self.journal.rescue(self.name))
        running = [m for m in self.model.values() if m.status is Status.RUNNING]
        assert rescued == len(running)
        for model in running:
            model.status = Status.QUEUED

    @invariant()
    def journal_and_model_agree(self) -> None:
        for run_id, model in self.model.items():
            assert self.loop.run(status_of(self.database, run_id)) == model.status
            kinds = self.loop.run(kinds_of(self.database, run_id))
            assert ended(kinds) == model.ends == (model.status in ENDED)
            folded: Status | None = None
            for kind in kinds:
                folded = TRANSITIONS[kind].after or folded
            assert folded == model.status
        open_letters = sum(model.dead for model in self.model.values())
        assert self.loop.run(self.database.rows("open_dead_letters")) == [(open_letters,)]


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Gives the URL of another empty database at each call."""
    made: list[str] = []

    def new(kind: str) -> str:
        name = f"machine_{len(made)}"
        made.append(name)
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        server = request.getfixturevalue("postgres_server")
        for earlier in made[:-1]:
            server.drop_database(earlier)
        url: str = server.create_database(name, TEMPLATE)
        return url

    return new


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_journal_and_model_agree(kind: str, new_url: Callable[[str], str]) -> None:
    run_state_machine_as_test(
        lambda: JournalMachine(new_url(kind)),
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
