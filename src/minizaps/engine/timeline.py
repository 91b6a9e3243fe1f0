"""A run's steps and attempts, as people look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minizaps.engine.history import ON_FAILURE
from minizaps.engine.plan import Call, Plan, PlannedStep, Task, pattern_of
from minizaps.engine.replay import around
from minizaps.engine.results import Results
from minizaps.journal.records import Event, Run
from minizaps.journal.status import ENDED, Kind, Status


@dataclass(slots=True)
class AttemptView:
    """One attempt; `status` is running, waiting, succeeded, failed, interrupted or cancelled."""

    number: int
    status: str
    input: Any
    started_at: int
    finished_at: int | None = None
    output: Any = None
    error: dict[str, Any] | None = None


@dataclass(slots=True)
class StepView:
    """One step; `status` is as its last attempt's, or retrying, skipped or caught.

    Attributes:
        run: the run that a `workflow` step has started.
    """

    path: str
    type: str
    status: str
    max_attempts: int
    attempts: list[AttemptView] = field(default_factory=list)
    next_at: int | None = None
    taken_over: bool = False
    run: str | None = None

    @property
    def open_attempt(self) -> AttemptView | None:
        """The attempt that has not ended."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.status in ("running", "waiting") else None


_ENDS = {Kind.COMPLETE: "succeeded", Kind.PAUSE: "waiting", Kind.RETRY: "failed"}


class _Timeline:
    def __init__(self, plan: Plan) -> None:
        self._planned = {step.pattern: step for step in plan.all_steps()}
        self.views: dict[str, StepView] = {}

    def take(self, event: Event) -> None:
        path, data = event.path or "", event.data
        match event.kind:
            case Kind.START | Kind.DEFER:
                for taken, result in (data.get("results") or {}).items():
                    if not taken.endswith("]"):
                        self._take_over(self._view(taken), result)
            case Kind.RESCUE | Kind.RELEASE:
                self._interrupt(event.at)
            case Kind.SKIP:
                self._view(path).status = "skipped"
            case Kind.BEGIN | Kind.ENTER:
                view, shown = self._view(path), data.get("input", data)
                view.status, view.next_at, view.run = "running", None, data.get("run")
                number = event.attempt or 1
                view.attempts.append(AttemptView(number, "running", shown, event.at))
            case Kind.COMPLETE | Kind.PAUSE | Kind.RETRY:
                self._end(self._view(path), event)
            case Kind.CATCH | Kind.FAIL:
                self._fail(path, event)

    def close(self, run: Run) -> None:
        """The run has ended: nothing of it is under way any more."""
        final = "cancelled" if run.status is Status.CANCELLED else "interrupted"
        self._close("", final, run.finished_at)

    def add_outputs(self, results: Mapping[str, Any]) -> None:
        """The outputs of blocks, which follow from what is inside."""
        for path, view in self.views.items():
            last = view.attempts[-1] if view.attempts else None
            if last is not None and last.output is None and last.status == "succeeded":
                last.output = results.get(path, {}).get("output")

    def _view(self, path: str) -> StepView:
        if path not in self.views:
            step: PlannedStep | None = self._planned.get(pattern_of(path))
            kind, most = (step.step_type, step.max_attempts) if step else ("unknown", 1)
            self.views[path] = StepView(path, kind, "running", most)
        return self.views[path]

    def _take_over(self, view: StepView, result: Mapping[str, Any]) -> None:
        view.taken_over = True
        view.status = "skipped" if "skipped" in result else "succeeded"
        if "error" in result:
            view.status = "caught"

    def _end(self, view: StepView, event: Event) -> None:
        data, status = event.data, _ENDS[event.kind]
        view.status = "retrying" if event.kind is Kind.RETRY else status
        view.next_at = data.get("next_at") or data.get("until")
        attempt = self._attempt(view, event)
        if attempt is None:
            return
        attempt.status, attempt.error = status, data.get("error")
        attempt.finished_at = None if event.kind is Kind.PAUSE else event.at
        if event.kind is Kind.COMPLETE:
            attempt.output = data.get("output")

    def _fail(self, path: str, event: Event) -> None:
        """A step has failed for good; what is beside it in a block that catches that ends too."""
        error = event.data["error"]
        failed = error.get("step") or path
        if (failed and event.kind is Kind.CATCH) or path:
            view = self._view(failed)
            view.status, view.next_at = "failed", None
            self._attempt(view, event)
            self._finish(view, "failed", error, event.at)
            for outer in around(failed):
                caught_inside = event.kind is Kind.CATCH and path in around(outer)
                ended = event.kind is Kind.FAIL or path == ON_FAILURE or caught_inside
                if outer in self.views and ended:
                    self.views[outer].status = "failed"
                    self._finish(self.views[outer], "failed", error, event.at)
        if path == ON_FAILURE:
            self._close("", "cancelled", event.at)
        elif event.kind is Kind.CATCH:
            self._close(path, "cancelled", event.at)
            if not path.endswith("]"):
                view = self._view(path)
                view.status = "caught"
                self._finish(view, "failed", error, event.at)

    def _finish(self, view: StepView, status: str, error: Any, at: int | None) -> None:
        attempt = view.open_attempt
        if attempt is not None:
            attempt.status, attempt.error, attempt.finished_at = status, error, at

    def _attempt(self, view: StepView, event: Event) -> AttemptView | None:
        """The attempt that the event ends; a pure step's is known only now."""
        if (attempt := view.open_attempt) is not None:
            return attempt
        if event.attempt is None:
            return None
        started_at = event.data.get("started_at", event.at)
        attempt = AttemptView(event.attempt, "running", event.data.get("input"), started_at)
        view.attempts.append(attempt)
        return attempt

    def _interrupt(self, at: int) -> None:
        for view in self.views.values():
            attempt = view.open_attempt
            step = self._planned.get(pattern_of(view.path))
            attempted = step is None or isinstance(step.work, Task | Call)
            if attempted and attempt is not None and attempt.status == "running":
                attempt.status, attempt.finished_at = "interrupted", at
                view.status = "interrupted"

    def _close(self, path: str, status: str, at: int | None) -> None:
        inside = (f"{path}.", f"{path}[") if path else ("",)
        for view in self.views.values():
            if not view.path.startswith(inside):
                continue
            if view.status in ("running", "waiting", "retrying"):
                attempt = view.open_attempt
                if status == "cancelled" or (attempt and attempt.status == "running"):
                    view.status = status
            self._finish(view, status, None, at)


def timeline(plan: Plan, run: Run, events: Sequence[Event]) -> list[StepView]:
    """The steps that have started, in the order of their start."""
    line = _Timeline(plan)
    for event in events:
        line.take(event)
    if run.status in ENDED:
        line.close(run)
    line.add_outputs(Results(run, plan, events).found)
    return list(line.views.values())
