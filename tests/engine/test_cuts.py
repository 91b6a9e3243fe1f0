"""Wherever a run is cut off, it goes on to the same end, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minizaps import WorkflowEngine
from minizaps.clock import ManualClock
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials.vault import Vault
from minizaps.engine.attempt import Tools
from minizaps.engine.execution import Execution
from minizaps.engine.plan import make_plan
from minizaps.journal.journal import Journal
from minizaps.journal.records import Change, Claimed, Event, Run, Signal
from minizaps.journal.signals import Signals
from minizaps.journal.status import ENDED, TRANSITIONS, Kind, Status
from tests.engine.conftest import Probe

Steps = list[dict[str, Any]]
START = {"trigger": {"id": "manual", "type": "manual", "body": None, "headers": {}, "query": {}}}


class World:
    """What is outside a run: the list of its events, its mailbox and the time."""

    def __init__(self, steps: Steps) -> None:
        definition = WorkflowEngine.check({"name": "cut", "steps": steps})
        self.plan = make_plan("workflow-1", 1, definition, WorkflowEngine.CONNECTOR_MAP)
        self.clock = ManualClock()
        self.signals: list[Signal] = []
        self.events: list[Event] = []
        self._add(Change(Kind.START, self.clock.now(), data=START))

    @property
    def status(self) -> Status:
        """The run's, as its events say."""
        changes = [TRANSITIONS[event.kind].after for event in self.events]
        return next(status for status in reversed(changes) if status is not None)

    async def go_on(self) -> dict[str, Any]:
        """Drive the run to its end, whose data is returned."""
        for _ in range(100):
            self._claim()
            status = await self._execution().drive()
            if status in ENDED:
                return self.events[-1].data
            assert status is Status.WAITING
            self._answer()
        raise AssertionError("it does not end")

    def _claim(self) -> None:
        if self.status is Status.RUNNING:
            self._add(Change(Kind.RESCUE, self.clock.now()))
        if self.status is Status.WAITING:
            self.clock.advance(100)
            self._add(Change(Kind.WAKE, self.clock.now()))
        self._add(Change(Kind.CLAIM, self.clock.now()))

    def _answer(self) -> None:
        """Answer the steps that wait for it."""
        answered = {signal.name for signal in self.signals}
        for event in self.events:
            name = event.data.get("signal")
            if event.kind is Kind.PAUSE and name is not None and name not in answered:
                data = {"output": {"n": len(name)}}
                self.signals.append(Signal(len(self.signals) + 1, name, self.clock.now(), data))

    def _execution(self) -> Execution:
        run = Run(
            "run-1", "default", "workflow-1", "cut", 1, Status.RUNNING, 1, "manual", "manual",
            None, self.clock.now(), None, None, None, None, None, None, None,
            signals=len(self.signals),
        )  # fmt: skip
        tools = Tools(
            cast(HttpClient, None), cast(Dialler, None), cast(Vault, None), self.clock, 100_000
        )
        return Execution(
            Claimed(run, 1, tuple(self.events)),
            self.plan,
            cast(Journal, self),
            cast(Signals, self),
            tools,
            cast(Any, None),
            10_000,
            lambda: False,
        )

    def _add(self, change: Change) -> None:
        kind, at, path, attempt, data, _ = change
        self.events.append(Event(len(self.events) + 1, at, kind, path, attempt, data or {}))

    # What an execution asks of the journal, and of the signals.

    async def append(
        self, run_id: str, epoch: int, seq: int, changes: Sequence[Change], *, signals: int
    ) -> int:
        assert seq == len(self.events)
        for change in changes:
            self._add(change)
        return len(self.events)

    async def unread(self, run_id: str, after: int) -> list[Signal]:
        return self.signals[after:]

    async def callbacks(self, run_id: str, path: str, answers: Any, **_: Any) -> dict[str, str]:
        return dict.fromkeys(answers, path)


def _set(number: int, *, of_item: bool) -> dict[str, Any]:
    added = "index" if of_item else "1"
    return {
        "type": "set",
        "config": {"values": {"n": f"{{{{ (n | default({number})) + {added} }}}}"}},
    }


def _probe(number: int, how: str) -> dict[str, Any]:
    config: dict[str, Any] = {"output": {"n": f"{{{{ (n | default(0)) * 2 + {number} }}}}"}}
    match how:
        case "again":
            return {"type": "probe", "config": {**config, "fail": 1}}
        case "caught":
            hopeless = {**config, "fail": 99, "retryable": False}
            return {"type": "probe", "config": hopeless, "on_error": "continue"}
        case "handled":
            handled = {"steps": [_probe(number + 1, "well"), _probe(number + 2, "again")]}
            hopeless = {**config, "fail": 99, "retryable": False}
            return {"type": "probe", "config": hopeless, "on_error": handled}
        case "skipped":
            return {"type": "probe", "config": config, "if": False}
    return {"type": "probe", "config": config}


def _steps(depth: int, *, of_item: bool) -> st.SearchStrategy[Steps]:
    numbers = st.integers(0, 9)
    hows = st.sampled_from(["well", "well", "again", "caught", "handled", "skipped"])
    choices: list[st.SearchStrategy[dict[str, Any]]] = [
        st.builds(lambda n: _set(n, of_item=of_item), numbers),
        st.builds(_probe, numbers, hows),
        st.just({"type": "delay", "config": {"seconds": 5}}),
    ]
    if depth:
        same, of_items = _steps(depth - 1, of_item=of_item), _steps(depth - 1, of_item=True)
        choices += [
            st.builds(_foreach, st.integers(0, 4), st.integers(1, 3), st.booleans(), of_items),
            st.builds(
                lambda lanes: {
                    "type": "parallel",
                    "branches": [{"id": f"b{n}", "steps": s} for n, s in enumerate(lanes)],
                },
                st.lists(same, min_size=1, max_size=3),
            ),
            st.builds(
                lambda n, case, default: {
                    "type": "switch",
                    "cases": [{"if": f"{{{{ (n | default({n})) % 2 == 0 }}}}", "steps": case}],
                    "default": default,
                },
                numbers,
                same,
                same,
            ),
            st.builds(lambda steps: {"type": "wait", "config": {}, "steps": steps}, same),
            st.just({"type": "wait", "config": {"timeout": 3600}}),
        ]
    return st.lists(st.one_of(choices), min_size=1, max_size=3)


def _foreach(count: int, concurrency: int, fails: bool, steps: Steps) -> dict[str, Any]:
    config = {"items": list(range(count)), "concurrency": concurrency}
    if fails:
        hopeless = {"fail": "{{ 99 if index == 1 else 0 }}", "retryable": False, "output": {}}
        config["on_item_error"] = "continue"
        steps = [*steps, {"type": "probe", "config": hopeless}]
    return {"type": "foreach", "config": config, "steps": steps}


def without_attempts(value: Any) -> Any:
    """What an end says, but for the number of the attempt that has failed."""
    if isinstance(value, dict):
        return {k: without_attempts(v) for k, v in value.items() if k != "attempt"}
    return [without_attempts(v) for v in value] if isinstance(value, list) else value


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=_steps(3, of_item=False), draw=st.data())
def test_a_run_that_is_cut_anywhere_goes_on_to_the_same_end(
    steps: Steps, draw: st.DataObject
) -> None:
    # What the last step does not say of the data, the one before it may.
    steps = [*steps, {"id": "the_end", "type": "set", "config": {"values": {"all": "{{ steps }}"}}}]
    asyncio.run(_cut_and_go_on(World(steps), lambda most: draw.draw(st.integers(1, most))))


async def _cut_and_go_on(world: World, draw: Callable[[int], int]) -> None:
    end = without_attempts(await world.go_on())
    assert world.events[-1].kind is Kind.SUCCEED, world.events[-1]
    for _ in range(2):
        world.events = world.events[: draw(len(world.events) - 1)]
        done = {event.path for event in world.events if event.kind is Kind.COMPLETE}
        Probe.calls.clear()
        assert without_attempts(await world.go_on()) == end
        assert not done & {call.path for call in Probe.calls}
    completed = Counter(e.path for e in world.events if e.kind in (Kind.COMPLETE, Kind.SKIP))
    assert {path: count for path, count in completed.items() if count > 1} == {}
