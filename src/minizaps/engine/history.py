"""What a run's events add up to: its lanes, the state of each step, the data in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from minizaps.clock import to_text
from minizaps.engine.lanes import ASK, Inside, Lane, StepState, StepStatus
from minizaps.engine.plan import Foreach, Parallel, Plan, Wait
from minizaps.journal.records import Change, Event, Run
from minizaps.journal.status import Kind

STEP_ENDS = frozenset({Kind.COMPLETE, Kind.SKIP, Kind.CATCH, Kind.RETRY, Kind.PAUSE})
_OF_A_STEP = frozenset({Kind.BEGIN, Kind.COMPLETE, Kind.SKIP, Kind.RETRY, Kind.PAUSE, Kind.ENTER})
_WAITS = frozenset({StepStatus.OPEN, StepStatus.PAUSED})
ON_FAILURE = "on_failure"


class History:
    """The fold of a run's events.

    Attributes:
        seq: the number of the last event.
        root: the run's own lane.
        lanes: all lanes under way, by their prefixes.
        steps: the state of each step that has one, by path.
        failure: the error with which the run fails once `on_failure` is done.
        suspect: whether a worker died with the run, and no step's end is on disk since.
        depth: how many runs are above this one.
        seen: how many signals have been taken in.
        inbox: the signals that have come in, by name.
        callbacks: the root `callback` of each wait, by its path.
        orphans: runs that steps have started and no longer wait for.
        closed: the paths of waits that have ended without an answer.
        moved: lanes in which something has happened, by their prefixes, for whoever drives the
            run.
        waiting: the lanes whose steps wait for a signal, by its name.
    """

    def __init__(self, run: Run, plan: Plan) -> None:
        self.seq = 0
        self.plan = plan
        self.deadline = run.deadline
        self.root = Lane(
            plan.steps,
            "",
            {
                "trigger": {},
                "steps": {},
                "run": {"id": run.id, "created_at": to_text(run.created_at)},
                "workflow": {"id": run.workflow_id, "name": plan.name, "version": run.version},
            },
        )
        self.lanes: dict[str, Lane] = {"": self.root}
        self.steps: dict[str, StepState] = {}
        self.failure: dict[str, Any] | None = None
        self.suspect = False
        self.depth = 0
        self.seen = 0
        self.inbox: dict[str, dict[str, Any]] = {}
        self.callbacks: dict[str, dict[str, str]] = {}
        self.orphans: set[str] = set()
        self.closed: set[str] = set()
        self.moved: dict[str, Lane] = {}
        self._taken_over: Mapping[str, Mapping[str, Any]] = {}
        self._ended_lanes: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
        self.waiting: dict[str, Lane] = {}

    @property
    def lane(self) -> Lane:
        """The lane from which all that is under way can be reached."""
        return self.root if self.failure is None else self.lanes[f"{ON_FAILURE}."]

    def lane_at(self, path: str) -> Lane | None:
        """The lane whose step, of this path, has its turn; None where none has."""
        head, dot, _ = path.rpartition(".")
        lane = self.lanes.get(head + dot)
        return lane if lane is not None and not lane.ended and lane.path == path else None

    def extend(self, events: Iterable[Event]) -> None:
        """Take in stored events."""
        for event in events:
            self.seq = event.seq
            self.apply(event)
            self.suspect = self.suspect and event.kind not in STEP_ENDS
        self.moved.clear()

    def apply(self, event: Event | Change) -> None:
        """Take in one event."""
        if event.kind in _OF_A_STEP:
            self._step(event, event.path or "", event.data or {})
            return
        match event.kind:
            case Kind.START | Kind.DEFER:
                self._start(event.data or {})
            case Kind.CATCH:
                self._catch(event.path or "", (event.data or {})["error"], event.attempt)
            case Kind.SIGNAL:
                self._signal(event.data or {})
            case Kind.RESCUE | Kind.RELEASE:
                self._interrupt(died=event.kind is Kind.RESCUE)

    def open(self, state: StepState, key: str) -> Lane:
        """Open one of a block's lanes."""
        assert state.inside is not None  # noqa: S101 - only blocks are opened
        match state.step.work:
            case Foreach():
                item = state.inside.facts["items"][int(key)]
                data = {**state.lane.copied_data(), "item": item, "index": int(key)}
            case Parallel():
                data = state.lane.copied_data()
            case _:
                data = state.lane.data
        lane = Lane(state.steps_of(key), f"{state.path}[{key}].", data, state, key)
        if key == ASK and isinstance(state.step.work, Wait):
            lane.extra = {"callback": self.callbacks.get(state.path, {})}
        self.lanes[lane.prefix] = state.inside.lanes[key] = lane
        return lane

    def take_over(self, lane: Lane) -> bool:
        """Go on past the step whose turn it is, or into it, if a replay has its result already."""
        if not self._taken_over:
            return False
        path = lane.path
        if path in self.steps or (result := self._taken_over.get(path)) is None:
            return False
        state = self.steps[path] = StepState(lane, lane.step)
        for step_id, output in result.get("inner", {}).items():
            if isinstance(state.step.work, Parallel):
                lane.data["steps"][step_id] = output
            else:
                lane.merge(step_id, output)
        if "entered" in result:
            self._enter(state, result["entered"])
        elif "output" in result:
            self._succeed(state, result["output"])
        elif "error" in result:
            self._fail(state, result["error"], handled=result.get("handled", False))
        else:
            self._skip(state)
        return True

    def _start(self, data: Mapping[str, Any]) -> None:
        self.root.data["trigger"] = data["trigger"]
        self.depth = data.get("depth") or 0
        self._taken_over = data.get("results") or {}
        for path, result in self._taken_over.items():
            if path.endswith("]"):
                block, _, key = path[:-1].rpartition("[")
                self._ended_lanes[block].append((key, result))

    def _interrupt(self, *, died: bool) -> None:
        self.suspect = self.suspect or died
        for state in self.steps.values():
            if state.status is StepStatus.RUNNING:
                state.status = StepStatus.INTERRUPTED
                state.interruptions += died

    def _step(self, event: Event | Change, path: str, data: Mapping[str, Any]) -> None:
        state = self._state(path)
        state.attempts = max(state.attempts, event.attempt or 0)
        match event.kind:
            case Kind.COMPLETE:
                self._succeed(state, data["output"] if "output" in data else state.result())
                return
            case Kind.BEGIN:
                state.status = StepStatus.RUNNING
                state.child = data.get("run")
                return
            case Kind.SKIP:
                self._skip(state)
                return
            case Kind.ENTER:
                self._enter(state, data)
            case Kind.PAUSE:
                state.status, state.until = StepStatus.PAUSED, data["until"]
                state.output, state.signal = data.get("output"), data.get("signal")
                if state.signal is not None:
                    self.waiting[state.signal] = state.lane
            case Kind.RETRY:
                self._give_up(state)
                state.status, state.error = StepStatus.RETRYING, data["error"]
                state.until = data["next_at"]
                state.failures += 1
        self.moved[state.lane.prefix] = state.lane

    def _signal(self, data: Mapping[str, Any]) -> None:
        self.seen = max(self.seen, data["number"])
        self.inbox[data["name"]] = data["data"]
        self.orphans.discard(data["name"])
        self.closed.discard(data["name"])
        if (lane := self.waiting.get(data["name"])) is not None:
            self.moved[lane.prefix] = lane

    def _enter(self, state: StepState, facts: Mapping[str, Any]) -> None:
        state.status, state.inside = StepStatus.OPEN, Inside(facts)
        for key, result in self._ended_lanes.get(state.path, ()):
            state.inside.results[key] = result["output"]
            state.inside.inner.update(result.get("inner", {}))

    def _skip(self, state: StepState) -> None:
        state.status = StepStatus.SKIPPED
        self._advance(state.lane)

    def _succeed(self, state: StepState, output: Any) -> None:
        lane = state.lane
        if isinstance(state.step.work, Parallel) and state.inside is not None:
            lane.data["steps"].update(state.inside.inner)
        self._leave(state)
        state.status, state.output = StepStatus.SUCCEEDED, output
        lane.merge(state.step.id, output)
        self._advance(lane)

    def _fail(self, state: StepState, error: dict[str, Any], *, handled: bool = False) -> None:
        """A step has failed for good, and its `on_error` takes over, or has done so."""
        self._give_up(state)
        self._leave(state)
        state.status, state.error = StepStatus.CAUGHT, error
        state.lane.data["steps"][state.step.id] = {"error": error}
        if handled or not state.step.handlers:
            self._advance(state.lane)
            return
        lane = Lane(
            state.step.handlers, f"{state.path}.", state.lane.data, state, None, {"error": error}
        )
        self.lanes[lane.prefix] = lane
        self.moved[lane.prefix] = lane

    def _leave(self, state: StepState) -> None:
        """Nothing more happens inside a step."""
        self.inbox.pop(state.signal or "", None)
        self.waiting.pop(state.signal or "", None)
        state.inside = state.signal = state.child = None

    def _give_up(self, state: StepState) -> None:
        """Nobody waits any more for the run that a step has started, or for its answer."""
        if isinstance(state.step.work, Wait) and state.status in _WAITS:
            if state.path not in self.inbox:
                self.closed.add(state.path)
        elif state.child is not None and state.child not in self.inbox:
            self.orphans.add(state.child)
        if state.signal is not None:
            self.waiting.pop(state.signal, None)
            self.inbox.pop(state.signal, None)
        state.child = state.signal = None

    def _catch(self, path: str, error: dict[str, Any], attempt: int | None) -> None:
        self._abandon(path)
        if path == ON_FAILURE:
            self.failure = error
            self._abandon("")
            data, extra = self.root.data, {"error": error}
            lane = Lane(self.plan.on_failure, f"{ON_FAILURE}.", data, extra=extra)
            self.lanes = {lane.prefix: lane}
            self.moved[lane.prefix] = lane
        elif path.endswith("]"):
            lane = self._lane(f"{path}.")
            lane.output = {"error": error}
            self._close(lane)
        else:
            state = self._state(path)
            state.attempts = max(state.attempts, attempt or 0)
            self._fail(state, error)

    def _abandon(self, path: str) -> None:
        """What is under way inside a step, or a block's lane, has ended with it."""
        prefixes = tuple(path + mark for mark in ".[") if path else ("",)
        inside = [lane for prefix, lane in self.lanes.items() if prefix.startswith(prefixes)]
        for lane in inside:
            state = None if lane.ended else self.steps.get(lane.path)
            if state is not None:
                self._give_up(state)
            if lane.prefix != f"{path}." and lane.owner is not None:
                self.lanes.pop(lane.prefix, None)
                self._forget(lane)

    def _advance(self, lane: Lane) -> None:
        lane.advance()
        if lane.ended:
            self._close(lane)
        else:
            self.moved[lane.prefix] = lane

    def _close(self, lane: Lane) -> None:
        """A lane has ended: that of an `on_error` ends its step, another one is a result."""
        owner = lane.owner
        if owner is None:
            self.moved[lane.prefix] = lane
            return
        self.lanes.pop(lane.prefix, None)
        self._forget(lane)
        if lane.key is None:
            if lane.output is not None:
                owner.lane.output = lane.output
            self._advance(owner.lane)
        elif owner.inside is not None:
            owner.inside.lanes.pop(lane.key, None)
            owner.inside.results[lane.key] = lane.output
            if isinstance(owner.step.work, Parallel):
                known = owner.lane.data["steps"]
                new = {k: v for k, v in lane.data["steps"].items() if k not in known}
                owner.inside.inner.update(new)
            self.moved[owner.lane.prefix] = owner.lane

    def _forget(self, lane: Lane) -> None:
        """What is known of a lane's steps is needed no more."""
        for step in lane.steps:
            self.steps.pop(lane.prefix + step.id, None)

    def _state(self, path: str) -> StepState:
        state = self.steps.get(path)
        if state is None and path == self.root.path and not self._taken_over:
            state = self.steps[path] = StepState(self.root, self.root.step)
        elif state is None:
            head, dot, step_id = path.rpartition(".")
            lane = self._lane(head + dot)
            while path not in self.steps and self.take_over(lane):
                pass
            state = self.steps.get(path)
            if state is None:
                state = self.steps[path] = StepState(lane, lane.find(step_id))
        return state

    def _lane(self, prefix: str) -> Lane:
        """The lane of a prefix, whose first event may just be being read."""
        if prefix not in self.lanes:
            path, bracket, key = prefix[:-1].rpartition("[")
            if not prefix.endswith("]."):
                self._state(prefix[:-1])  # its failure was taken over: its `on_error` opens
            elif bracket:
                self.open(self._state(path), key[:-1])
        return self.lanes[prefix]
