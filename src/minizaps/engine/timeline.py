"""A run's steps and attempts, as people look at them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from minizaps.engine.plan import Plan
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
    """One step; `status` is as its last attempt's, or retrying, skipped or caught."""

    path: str
    type: str
    status: str
    max_attempts: int
    attempts: list[AttemptView] = field(default_factory=list)
    next_at: int | None = None
    taken_over: bool = False


_ENDS = {
    Kind.COMPLETE: "succeeded",
    Kind.PAUSE: "waiting",
    Kind.RETRY: "failed",
    Kind.CATCH: "failed",
    Kind.FAIL: "failed",
}
_STEP = {Kind.RETRY: "retrying", Kind.CATCH: "caught"}


def timeline(plan: Plan, run: Run, events: Iterable[Event]) -> list[StepView]:
    """The steps that have started, in the order of their start."""
    planned = {step.path: step for step in plan.all_steps()}
    views: dict[str, StepView] = {}

    def view(path: str) -> StepView:
        if path not in views:
            step = planned.get(path)
            kind, most = (step.step_type, step.retry.max_attempts) if step else ("unknown", 1)
            views[path] = StepView(path, kind, "running", most)
        return views[path]

    for event in events:
        if event.kind is Kind.START:
            for path, result in event.data.get("results", {}).items():
                _take_over(view(path), result)
        elif event.kind in (Kind.RESCUE, Kind.RELEASE):
            for each in views.values():
                _close(each, "interrupted", event.at)
        elif event.kind is Kind.SKIP:
            view(event.path or "").status = "skipped"
        elif event.path is not None:
            _take(view(event.path), event)
    if run.status in ENDED:
        final = "cancelled" if run.status is Status.CANCELLED else "interrupted"
        for each in views.values():
            _close(each, final, run.finished_at)
    return list(views.values())


def _take(step: StepView, event: Event) -> None:
    data = event.data
    if event.kind is Kind.BEGIN:
        step.status, step.next_at = "running", None
        step.attempts.append(
            AttemptView(event.attempt or 1, "running", data.get("input"), event.at)
        )
        return
    status = _ENDS[event.kind]
    step.status = _STEP.get(event.kind, status)
    step.next_at = data.get("next_at") or data.get("until")
    attempt = _open_attempt(step, event)
    if attempt is None:
        return
    attempt.status = status
    attempt.error = data.get("error")
    if event.kind is Kind.COMPLETE:
        attempt.output = data["output"]
    attempt.finished_at = None if event.kind is Kind.PAUSE else event.at


def _open_attempt(step: StepView, event: Event) -> AttemptView | None:
    """The attempt that the event ends; a pure step's is known only now."""
    if step.attempts and step.attempts[-1].status in ("running", "waiting"):
        return step.attempts[-1]
    if event.attempt is None:
        return None
    started_at = event.data.get("started_at", event.at)
    attempt = AttemptView(event.attempt, "running", event.data.get("input"), started_at)
    step.attempts.append(attempt)
    return attempt


def _close(step: StepView, status: str, at: int | None) -> None:
    if step.status in ("running", "waiting", "retrying") and status == "cancelled":
        step.status = status
    if step.attempts and step.attempts[-1].status == "running":
        step.attempts[-1].status, step.attempts[-1].finished_at = status, at
        step.status = status


def _take_over(step: StepView, result: dict[str, Any]) -> None:
    step.taken_over = True
    step.status = (
        "skipped" if "skipped" in result else "caught" if "error" in result else "succeeded"
    )
