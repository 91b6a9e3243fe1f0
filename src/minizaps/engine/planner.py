"""What a run does next: a pure function of its plan and its history.

Each lane is looked at by itself, after something has happened in it, so that what a step costs
does not grow with what is done or with what else is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from minizaps.definition.steps import BLOCKS
from minizaps.engine.history import History
from minizaps.engine.lanes import Lane, StepState, StepStatus
from minizaps.engine.plan import Call, Foreach, Parallel, Switch, Task, Wait, resolve
from minizaps.errors import ConnectorError, ExpressionError

MOST_INTERRUPTIONS = 3


class Execute(NamedTuple):
    """Make an attempt of the lane's step."""

    lane: Lane
    attempt: int


class Skip(NamedTuple):
    """Pass over a step whose `if` is false."""

    lane: Lane


class Enter(NamedTuple):
    """Go into a block."""

    lane: Lane
    facts: dict[str, Any]


class Ask(NamedTuple):
    """Wait for a callback from now on."""

    lane: Lane
    until: float | None


class Complete(NamedTuple):
    """A step has succeeded; a block's output follows from what is inside."""

    lane: Lane
    output: dict[str, Any] | None


class FailAttempt(NamedTuple):
    """The attempt under way has failed elsewhere: the called run has."""

    lane: Lane
    error: ConnectorError


class FailStep(NamedTuple):
    """A step fails without an attempt."""

    lane: Lane
    error: dict[str, Any]


class Expire(NamedTuple):
    """The time for an answer is over."""

    lane: Lane


class FailRun(NamedTuple):
    """The run fails, whatever `on_error` says."""

    lane: Lane
    error: dict[str, Any]


class Succeed(NamedTuple):
    """All steps are done."""

    lane: Lane


class Later(NamedTuple):
    """Look at the lane again at a time; None: when its signal has come in."""

    lane: Lane
    at: int | None


Action = (
    Execute
    | Skip
    | Enter
    | Ask
    | Complete
    | FailAttempt
    | FailStep
    | Expire
    | FailRun
    | Succeed
    | Later
)


def next_actions(
    history: History, lane: Lane, now: Callable[[], int], *, deep: bool = False
) -> Iterable[Action]:
    """What is to be done in a lane, and in those that it opens.

    Args:
        now: gives the time in milliseconds.
        deep: look into the lanes under way inside it too.
    """
    while lane.path:
        state = history.steps.get(lane.path)
        if state is not None:
            return _go_on(history, state, now, deep=deep)
        if not history.take_over(lane):
            return (_decide(lane),)
    if lane.owner is not None:
        return ()
    return (Succeed(lane) if history.failure is None else FailRun(lane, history.failure),)


def _go_on(
    history: History, state: StepState, now: Callable[[], int], *, deep: bool
) -> Iterator[Action]:
    lane = state.lane
    match state.status:
        case StepStatus.OPEN:
            yield from _inside(history, state, now, deep=deep)
        case StepStatus.CAUGHT if deep:
            yield from next_actions(history, history.lanes[f"{state.path}."], now, deep=True)
        case StepStatus.PAUSED if state.signal is not None:
            yield _heard(history, state, state.signal, now)
        case StepStatus.PAUSED:
            early = state.until is not None and now() < state.until
            yield Later(lane, state.until) if early else Complete(lane, state.output)
        case StepStatus.RETRYING:
            early = state.until is not None and now() < state.until
            yield Later(lane, state.until) if early else Execute(lane, state.attempts + 1)
        case StepStatus.INTERRUPTED:
            yield _recover(state)


def _decide(lane: Lane) -> Action:
    """Whether and how a step begins."""
    step = lane.step
    try:
        if step.condition is not None and not step.condition.render(lane.scope):
            return Skip(lane)
        if isinstance(step.work, Task | Call):
            return Execute(lane, 1)
        return Enter(lane, _facts(lane))
    except ExpressionError as error:
        return FailStep(lane, {"type": "expression", "message": f"if: {error}", "step": lane.path})
    except ConnectorError as error:
        return FailStep(lane, {"type": error.type, "message": str(error), "step": lane.path})


def _facts(lane: Lane) -> dict[str, Any]:
    """What a block is entered with."""
    match lane.step.work:
        case Switch(conditions=conditions, cases=cases):
            scope = lane.scope
            true = (n for n, c in enumerate(conditions) if c is None or c.render(scope))
            default = "default" if "default" in cases else None
            return {"case": str(n) if (n := next(true, None)) is not None else default}
        case Foreach(config=config) | Parallel(config=config) | Wait(config=config):
            _, raw = resolve(config, BLOCKS[lane.step.step_type], lane.scope)
            return raw
    raise TypeError(lane.step)


def _inside(
    history: History, state: StepState, now: Callable[[], int], *, deep: bool
) -> Iterator[Action]:
    """Open the lanes for which there is room; complete the block after the last one."""
    inside = state.inside
    assert inside is not None  # noqa: S101 - the step is open
    if deep:
        for lane in list(inside.lanes.values()):
            yield from next_actions(history, lane, now, deep=True)
    for key in islice(state.keys(), max(0, _width(state) - len(inside.lanes))):
        yield from next_actions(history, history.open(state, key), now)
    if inside.lanes or not state.all_in:
        return
    if isinstance(state.step.work, Wait):
        yield Ask(state.lane, inside.facts.get("timeout"))
    else:
        yield Complete(state.lane, None)


def _width(state: StepState) -> int:
    """How many of a block's lanes may be under way at a time."""
    if isinstance(state.step.work, Foreach) and state.inside is not None:
        return int(state.inside.facts.get("concurrency", 1))
    return 1_000


def _heard(history: History, state: StepState, signal: str, now: Callable[[], int]) -> Action:
    """Whether the signal that a step waits for has come in."""
    said = history.inbox.get(signal)
    lane = state.lane
    if said is None and (state.until is None or now() < state.until):
        return Later(lane, state.until)
    if said is None and isinstance(state.step.work, Wait):
        return Expire(lane)
    if said is None:
        late = "the run that it has called took longer than the step's timeout"
        return FailAttempt(lane, ConnectorError(late, type="timeout", retryable=True))
    if "output" in said:
        return Complete(lane, said["output"])
    error = said.get("error") or {}
    if isinstance(state.step.work, Wait):
        message = "nobody has called the step's URL in time"
        return FailStep(lane, {"type": "wait_timeout", "message": message, "step": lane.path})
    failed = ConnectorError(
        error["message"], type=error["type"], retryable=error["retryable"], details=error["details"]
    )
    return FailAttempt(lane, failed)


def _recover(state: StepState) -> Action:
    """An attempt was cut off: its effect may have happened or not."""
    step, path = state.step, state.path
    if state.interruptions >= MOST_INTERRUPTIONS:
        message = f"the step took its worker down {state.interruptions} times"
        return FailRun(state.lane, {"type": "poison", "message": message, "step": path})
    if isinstance(step.work, Task) and not step.work.may_repeat(state.lane.scope):
        message = (
            "the worker stopped during the attempt, so whether its effect happened is not known, "
            f"and a {step.step_type} step may not simply be run again: look, then replay or discard"
        )
        return FailRun(state.lane, {"type": "outcome_unknown", "message": message, "step": path})
    return Execute(state.lane, state.attempts + 1)


def catcher(lane: Lane) -> str | None:
    """Where a failure of the lane's step is caught: the path of a step, or of a block's lane.

    Returns:
        None where nothing catches it, so that the run fails.
    """
    if lane.step.on_error == "catch":
        return lane.path
    for around in lane.around():
        if (owner := around.owner) is None:
            return None
        if around.key is None:
            continue  # the owner has failed before: its `on_error` is what fails now
        inside = owner.inside
        if inside is not None and _goes_on(inside.facts):
            return f"{owner.path}[{around.key}]"
        if owner.step.on_error == "catch":
            return owner.path
    return None


def _goes_on(facts: Any) -> bool:
    return "continue" in (facts.get("on_item_error"), facts.get("on_branch_error"))
