"""Replaying an ended run: a new run that takes over the results before a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minizaps.engine.history import History, StepState, StepStatus
from minizaps.engine.plan import Plan
from minizaps.errors import InvalidInput, Problem
from minizaps.journal.records import Event, Run

START = "start"
FAILED = "failed"


def results_before(
    origin: str, plan: Plan, run: Run, events: Sequence[Event]
) -> dict[str, dict[str, Any]]:
    """How the steps before `origin` ended, for the replay to take over.

    Args:
        origin: `start`, `failed` (the step that failed the run), or a step's path.
        plan: of the version that the replay runs on.
        run, events: the run that is replayed.

    Raises:
        InvalidInput: the version has no such step, or the run has not failed at one.
    """
    if origin == START:
        return {}
    history = History(run, plan.name)
    history.extend(events)
    target = _target(origin, plan, run, history)
    if target == START:
        return {}
    results: dict[str, dict[str, Any]] = {}
    for step in plan.all_steps():
        if step.path == target:
            return results
        if (state := history.steps.get(step.path)) and (result := _result(state)):
            results[step.path] = result
    paths = ", ".join(step.path for step in plan.all_steps()[:20])
    raise InvalidInput(
        [Problem("/from", f"version {plan.version} has no step {target!r}; it has {paths}")]
    )


def _target(origin: str, plan: Plan, run: Run, history: History) -> str:
    if origin != FAILED:
        return origin
    if run.error_type is None:
        raise InvalidInput([Problem("/from", "the run has not failed: replay it from 'start'")])
    if run.error_path is not None:
        return run.error_path
    undone = (s.path for s in plan.all_steps() if not _result(history.steps.get(s.path)))
    return next(undone, START)


def _result(state: StepState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    match state.status:
        case StepStatus.SUCCEEDED:
            return {"output": state.output}
        case StepStatus.CAUGHT:
            return {"error": state.error}
        case StepStatus.SKIPPED:
            return {"skipped": True}
        case _:
            return None
