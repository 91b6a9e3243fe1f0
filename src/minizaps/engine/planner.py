"""What a run does next: a pure function of its plan and its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from minizaps.engine.history import History, StepState, StepStatus
from minizaps.engine.plan import Plan, PlannedStep
from minizaps.errors import ExpressionError

MOST_INTERRUPTIONS = 3


class Execute(NamedTuple):
    """Make an attempt of a step."""

    step: PlannedStep
    attempt: int


class Skip(NamedTuple):
    """Pass over a step whose `if` is false."""

    step: PlannedStep


class Resume(NamedTuple):
    """Complete a step whose pause is over."""

    step: PlannedStep
    output: dict[str, Any]


class FailStep(NamedTuple):
    """A step fails without an attempt: its `if` cannot be computed."""

    step: PlannedStep
    error: dict[str, Any]


class FailRun(NamedTuple):
    """The run fails, whatever `on_error` says."""

    error: dict[str, Any]


class Succeed(NamedTuple):
    """All steps are done."""


Action = Execute | Skip | Resume | FailStep | FailRun | Succeed


def next_action(plan: Plan, history: History, now: int) -> Action:
    """What the run does next.

    Args:
        now: the time in milliseconds, held against the run's deadline.
    """
    action = _next(plan.steps, "", history)
    if action is None:
        return Succeed()
    if history.deadline is not None and now >= history.deadline:
        message = f"the run took longer than its timeout of {plan.timeout:g} s"
        return FailRun({"type": "run_timeout", "message": message})
    return action


def scope_of(step: PlannedStep, history: History) -> Mapping[str, Any]:
    """The data that the step's expressions see."""
    if step.handles is None:
        return history.data
    return {**history.data, "error": history.steps[step.handles].error}


def _next(sequence: tuple[PlannedStep, ...], prefix: str, history: History) -> Action | None:
    for index in range(history.cursor.get(prefix, 0), len(sequence)):
        if (action := _act(sequence[index], history)) is not None:
            return action
        history.cursor[prefix] = index + 1
    return None


def _act(step: PlannedStep, history: History) -> Action | None:
    """What is to be done for a step; None if it is done."""
    state = history.steps.get(step.path)
    if state is None:
        return _decide(step, history)
    match state.status:
        case StepStatus.SUCCEEDED | StepStatus.SKIPPED:
            return None
        case StepStatus.CAUGHT:
            return _next(step.handlers, step.path, history)
        case StepStatus.PAUSED:
            return Resume(step, state.output)
        case StepStatus.RETRYING:
            return Execute(step, state.attempts + 1)
        case StepStatus.RUNNING | StepStatus.INTERRUPTED:
            return _recover(step, state)


def _decide(step: PlannedStep, history: History) -> Action:
    if step.condition is None:
        return Execute(step, 1)
    try:
        chosen = step.condition.render(scope_of(step, history))
    except ExpressionError as error:
        message = f"if: {error}"
        return FailStep(step, {"type": "expression", "message": message, "step": step.path})
    return Execute(step, 1) if chosen else Skip(step)


def _recover(step: PlannedStep, state: StepState) -> Action:
    """An attempt was cut off: its effect may have happened or not."""
    if state.interruptions >= MOST_INTERRUPTIONS:
        message = f"the step took its worker down {state.interruptions} times"
        return FailRun({"type": "poison", "message": message, "step": step.path})
    if not step.connector.idempotent:
        message = (
            "the worker stopped during the attempt, so whether its effect happened is not known, "
            f"and a {step.step_type} step may not simply be run again: look, then replay or discard"
        )
        return FailRun({"type": "outcome_unknown", "message": message, "step": step.path})
    return Execute(step, state.attempts + 1)
