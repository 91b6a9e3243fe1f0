"""What must hold in one run's events, whatever was killed when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minizaps.journal.status import ENDED, TRANSITIONS, Kind, Status

from .evidence import Run
from .rules_lanes import check_lanes
from .rules_times import check_times
from .spec import Failed, From, Spec
from .workflows import receipt

_FIRST = (Kind.START, Kind.DEFER)
_ENDS = (Kind.SUCCEED, Kind.FAIL, Kind.CANCEL)


def check_history(run: Run, spec: Spec, slack: int) -> Iterator[str]:
    """Everything that is wrong with a run's events and its row."""
    if [event.seq for event in run.events] != list(range(1, len(run.events) + 1)):
        yield f"the events are numbered {[event.seq for event in run.events]}"
    yield from _check_fold(run)
    yield from _check_end(run, spec)
    yield from check_lanes(run, spec)
    yield from check_times(run, slack)


def _check_fold(run: Run) -> Iterator[str]:
    """The events are allowed transitions, and the row is what they add up to."""
    status: Status | None = None
    for event in run.events:
        transition = TRANSITIONS[Kind(event.kind)]
        if (status not in transition.before) if status else (event.kind not in _FIRST):
            yield f"event {event.seq}: {event.kind} while {status}"
        status = transition.after or status
    if run.status != status:
        yield f"the row says {run.status}, the events say {status}"
    if run.epoch != (claims := len(run.of(Kind.CLAIM))):
        yield f"the row has epoch {run.epoch}, the events have {claims} claims"


def _check_end(run: Run, spec: Spec) -> Iterator[str]:
    """It has ended once, in a way that its workflow allows, and its data is whole."""
    ends = run.of(*_ENDS)
    if len(ends) != 1 or run.status not in ENDED:
        yield f"it is {run.status} and has {len(ends)} ends: {[e.kind for e in ends]}"
        return
    (end,) = ends
    if run.finished_at != end.at:
        yield f"it finished at {run.finished_at} by its row, at {end.at} by its events"
    error = end.data["error"]["type"] if end.kind == Kind.FAIL else None
    letter = None if error is None else "replayed" if run.of(Kind.REPLAY) else "open"
    if run.error_type != error or run.dead_letter != letter:
        yield f"the row has {run.error_type}, {run.dead_letter}; the end has {error}"
    if error not in {None, "poison"} | spec.errors:
        yield f"it failed: {end.data['error']}"
    if end.kind == Kind.SUCCEED:
        if not spec.may_succeed:
            yield "it succeeded, which it cannot"
        for name, value in end.data["output"].items():
            if not _is_expected(value, spec.gives.get(name, name), run):
                yield f"its output is {end.data['output']}, of which {name} is wrong"


def _is_expected(value: Any, expected: Any, run: Run) -> bool:
    match expected:
        case "token":
            return bool(value == run.events[0].data["trigger"]["body"]["token"])
        case str():
            return bool(value == receipt(run.id, expected))
        case list():
            return len(value) == len(expected) and all(
                _is_expected(v, e, run) for v, e in zip(value, expected, strict=True)
            )
        case dict():
            return value.keys() == expected.keys() and all(
                _is_expected(value[key], expected[key], run) for key in expected
            )
        case Failed(kind):
            return bool(value["error"]["type"] == kind)
        case From(path, name):
            outputs = [e.data["output"] for e in run.of(Kind.COMPLETE, path=path)]
            return value in [o.get("output", o).get(name) for o in outputs]
    raise TypeError(expected)
