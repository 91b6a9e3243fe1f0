"""What a run's events add up to: the state of each step and the data that expressions see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from minizaps.clock import to_text
from minizaps.journal.records import Change, Event, Run
from minizaps.journal.status import Kind

STEP_ENDS = frozenset({Kind.COMPLETE, Kind.SKIP, Kind.CATCH, Kind.RETRY, Kind.PAUSE})
ROOTS = frozenset({"trigger", "steps", "item", "index", "run", "workflow", "error", "$now"})


class StepStatus(StrEnum):
    """Where a step stands."""

    RUNNING = "running"  # an attempt has begun and has no outcome yet
    INTERRUPTED = "interrupted"  # its worker died during the attempt
    RETRYING = "retrying"  # an attempt has failed; the next one is due
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    CAUGHT = "caught"  # failed for good; `on_error` took over


@dataclass(slots=True)
class StepState:
    """What is known of a step.

    Attributes:
        attempts: how many have begun.
        failures: how many of them have failed.
        interruptions: how many ended with their worker's death.
        until: when a pause ends, in milliseconds.
    """

    status: StepStatus = StepStatus.RUNNING
    attempts: int = 0
    failures: int = 0
    interruptions: int = 0
    output: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    until: int | None = None


class History:
    """The fold of a run's events.

    Attributes:
        seq: the number of the last event.
        steps: the state of each step that has one, by path.
        data: the context roots, and the outputs' keys merged over each other.
        output: the output of the step that succeeded last.
        suspect: whether a worker died with the run, and no step's end is on disk since.
        cursor: for each sequence of steps (by its prefix), how many of its first steps are done.
            Only ever grows, so that planning does not walk over what is done.
    """

    def __init__(self, run: Run, workflow_name: str) -> None:
        self.seq = 0
        self.steps: dict[str, StepState] = {}
        self.output: dict[str, Any] = {}
        self.suspect = False
        self.cursor: dict[str, int] = {}
        self.deadline = run.deadline
        self.data: dict[str, Any] = {
            "trigger": {},
            "steps": {},
            "run": {"id": run.id, "created_at": to_text(run.created_at)},
            "workflow": {"id": run.workflow_id, "name": workflow_name, "version": run.version},
        }

    def extend(self, events: Iterable[Event]) -> None:
        """Take in stored events."""
        for event in events:
            self.seq = event.seq
            self.apply(event)
            self.suspect = self.suspect and event.kind not in STEP_ENDS

    def apply(self, event: Event | Change) -> None:
        """Take in one event."""
        match event.kind:
            case Kind.START:
                self._start(event.data or {})
            case Kind.BEGIN | Kind.COMPLETE | Kind.SKIP | Kind.CATCH | Kind.RETRY | Kind.PAUSE:
                self._step(event, event.data or {})
            case Kind.RESCUE | Kind.RELEASE:
                self._interrupt(died=event.kind is Kind.RESCUE)

    def _start(self, data: Mapping[str, Any]) -> None:
        self.data["trigger"] = data["trigger"]
        for path, result in data.get("results", {}).items():
            self._take_over(path, result)

    def _take_over(self, path: str, result: Mapping[str, Any]) -> None:
        state = self.steps[path] = StepState(StepStatus.SKIPPED)
        if (output := result.get("output")) is not None:
            state.status, state.output = StepStatus.SUCCEEDED, output
            self.output = output
            self._merge(path, output)
        elif (error := result.get("error")) is not None:
            state.status, state.error = StepStatus.CAUGHT, error
            self.data["steps"][_id(path)] = {"error": error}

    def _interrupt(self, *, died: bool) -> None:
        self.suspect = self.suspect or died
        for state in self.steps.values():
            if state.status is StepStatus.RUNNING:
                state.status = StepStatus.INTERRUPTED
                state.interruptions += died

    def _step(self, event: Event | Change, data: Mapping[str, Any]) -> None:
        path = event.path or ""
        state = self.steps.get(path)
        if state is None:
            state = self.steps[path] = StepState()
        state.attempts = max(state.attempts, event.attempt or 0)
        match event.kind:
            case Kind.BEGIN:
                state.status = StepStatus.RUNNING
            case Kind.COMPLETE:
                state.status, state.output = StepStatus.SUCCEEDED, data["output"]
                self.output = state.output
                self._merge(path, state.output)
            case Kind.SKIP:
                state.status = StepStatus.SKIPPED
            case Kind.PAUSE:
                state.status, state.until = StepStatus.PAUSED, data["until"]
                state.output = data["output"]
            case Kind.RETRY:
                state.status, state.error = StepStatus.RETRYING, data["error"]
                state.failures += 1
            case Kind.CATCH:
                state.status, state.error = StepStatus.CAUGHT, data["error"]
                self.data["steps"][_id(path)] = {"error": state.error}

    def _merge(self, path: str, output: Mapping[str, Any]) -> None:
        self.data["steps"][_id(path)] = output
        for key, value in output.items():
            if key not in ROOTS:
                self.data[key] = value


def _id(path: str) -> str:
    return path.rpartition(".")[2]
