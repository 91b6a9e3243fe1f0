"""A state machine against a small model: whatever happens in whatever order, the two agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from minizaps.journal.signals import Callback, Signals
from minizaps.journal.status import ENDED, TRANSITIONS, Kind, Status
from tests.journal.runs import ROOM, append, ended, kinds_of, new_run, status_of
from tests.servers.postgres_fixtures import NUMBERS, TEMPLATE

LEASED = [kind for kind, transition in TRANSITIONS.items() if transition.leased]


NAMES = ("ask", "each[3].vote", "a-run")
ANSWERS = {"ask": ("any",), "each[3].vote": ("approve", "reject")}


@dataclass
class Model:
    """What is to be in the database of one run.

    Attributes:
        signals: by name, in the order in which they came in.
        callbacks: the tokens by path and answer.
    """

    status: Status
    epoch: int
    due_at: int | None = None
    dead: bool = False
    ends: int = 0
    signals: dict[str, dict[str, Any]] = field(default_factory=dict)
    callbacks: dict[tuple[str, str], str] = field(default_factory=dict)


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
        self.signals = Signals(self.database, self.journal, self.clock)

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

    @rule(
        run_id=runs,
        kind=st.sampled_from(LEASED),
        stale=st.sampled_from([0, 0, 0, 1]),
        unseen=st.sampled_from([0, 1]),
    )
    def write(self, run_id: str, kind: Kind, stale: int, unseen: int) -> None:
        model = self.model[run_id]
        allowed = model.status is Status.RUNNING and not stale
        seen = max(0, len(model.signals) - unseen)
        epoch = model.epoch - stale
        try:
            self.loop.run(append(self.journal, self.database, run_id, epoch, kind, signals=seen))
        except LeaseLost:
            assert not allowed
            return
        assert allowed
        model.status = TRANSITIONS[kind].after or model.status
        model.ends += model.status in ENDED
        model.dead = model.status is Status.FAILED
        model.due_at = None
        if model.status is Status.WAITING:
            # What came in while the run was driven, and was not seen, is not slept over.
            model.due_at = 0 if seen < len(model.signals) else self.clock.now() + 1000

    @rule(seconds=st.sampled_from([0.4, 1.0]))
    def wake(self, seconds: float) -> None:
        self.clock.advance(seconds)
        woken = self.loop.run(self.journal.wake(100))
        due = [
            m for m in self.model.values() if m.due_at is not None and m.due_at <= self.clock.now()
        ]
        assert woken == len(due)
        for model in due:
            model.status, model.due_at = Status.QUEUED, None

    @rule(run_id=runs, name=st.sampled_from(NAMES), said=st.integers(0, 9))
    def post(self, run_id: str, name: str, said: int) -> None:
        """A signal comes in: the first of its name counts, and wakes the run that has not ended."""
        model, data = self.model[run_id], {"output": {"said": said}}
        try:
            counts = self.loop.run(self.signals.post(run_id, name, data))
        except Conflict:
            assert model.status in ENDED
            assert name not in model.signals
            return
        assert counts == (name not in model.signals)
        assert not counts or model.status not in ENDED
        if counts:
            model.signals[name] = data
            if model.status is Status.WAITING:
                model.status, model.due_at = Status.QUEUED, None

    @rule(run_id=runs, path=st.sampled_from(sorted(ANSWERS)))
    def make_callbacks(self, run_id: str, path: str) -> None:
        """A step's URLs are made once, whichever worker asks for them."""
        model, answers = self.model[run_id], ANSWERS[path]
        found = self.loop.run(
            self.signals.callbacks(run_id, path, answers, message="Well?", secret=None)
        )
        assert sorted(found) == sorted(answers)
        for answer, token in found.items():
            assert model.callbacks.setdefault((path, answer), token) == token
            leads_to = Callback(run_id, path, answer, "Well?", None)
            assert self.loop.run(self.signals.callback(token)) == leads_to

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
            came_in = self.loop.run(self.signals.unread(run_id, 0))
            assert [(s.number, s.name, s.data) for s in came_in] == [
                (number, *signal) for number, signal in enumerate(model.signals.items(), 1)
            ]
            assert self.loop.run(self.signals.tokens(run_id)) == model.callbacks
        tokens = [t for model in self.model.values() for t in model.callbacks.values()]
        assert len(set(tokens)) == len(tokens)
        open_letters = sum(model.dead for model in self.model.values())
        assert self.loop.run(self.database.rows("open_dead_letters")) == [(open_letters,)]


@pytest.fixture
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Gives the URL of another empty database at each call."""
    made: list[str] = []

    def new(kind: str) -> str:
        name = f"machine_{next(NUMBERS)}"
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
