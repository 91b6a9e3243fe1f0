"""What must hold in one run's events, whatever was killed when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from minizaps.journal.status import ENDED, TRANSITIONS, Kind, Status

from .evidence import Event, Run
from .workflows import Spec, receipt

MOST_CUTS = 3
_ENDS = (Kind.SUCCEED, Kind.FAIL, Kind.CANCEL)
_CLOSE = (Kind.COMPLETE, Kind.RETRY, Kind.CATCH, Kind.FAIL, Kind.PAUSE)


def check_history(run: Run, spec: Spec, slack: int) -> Iterator[str]:
    """Everything that is wrong with a run's events and its row."""
    if [event.seq for event in run.events] != list(range(1, len(run.events) + 1)):
        yield f"the events are numbered {[event.seq for event in run.events]}"
    yield from _check_fold(run)
    yield from _check_end(run, spec)
    yield from _check_steps(run, spec)
    yield from _check_waits(run, slack)


def _check_fold(run: Run) -> Iterator[str]:
    """The events are allowed transitions, and the row is what they add up to."""
    status: Status | None = None
    for event in run.events:
        transition = TRANSITIONS[Kind(event.kind)]
        if (status not in transition.before) if status else (event.kind != Kind.START):
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
        token = run.events[0].data["trigger"]["body"]["token"]
        for name, value in end.data["output"].items():
            if value != (token if name == "token" else receipt(run.id, name)):
                yield f"its output is {end.data['output']}"


@dataclass
class _Walk:
    """Where a walk over a run's events has got to."""

    steps: list[str]
    done: int = 0
    open: tuple[str, int] | None = None  # the step and the number of the attempt under way
    cut: str | None = None  # the step whose attempt a kill has cut
    attempts: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)

    @property
    def turn(self) -> str | None:
        """The step whose turn it is."""
        return self.steps[self.done] if self.done < len(self.steps) else None


def _check_steps(run: Run, spec: Spec) -> Iterator[str]:
    """Steps run in their order; an attempt is repeated only if a kill cut it or it failed."""
    walk = _Walk(spec.paths)
    for event in run.events:
        if event.path is not None and event.path != walk.turn:
            yield f"event {event.seq}: {event.kind} of {event.path}, but it is {walk.turn}'s turn"
            return
        if event.kind in (Kind.RESCUE, Kind.RELEASE) and walk.open:
            walk.cut = walk.open[0]
            walk.cuts[walk.cut] += event.kind == Kind.RESCUE
            walk.open = None
        elif event.kind == Kind.BEGIN:
            yield from _begin(walk, event, spec)
        elif event.path is not None:
            yield from _close(walk, event, spec)
        if event.kind in (Kind.COMPLETE, Kind.CATCH, Kind.SKIP):
            walk.done += 1
    end = next(iter(run.of(*_ENDS)), None)
    if end and end.kind == Kind.SUCCEED and walk.turn is not None:
        yield f"it succeeded before {walk.turn} was done"
    if end and end.kind == Kind.FAIL:
        yield from _check_cut_end(walk, end.data["error"])


def _begin(walk: _Walk, event: Event, spec: Spec) -> Iterator[str]:
    path = event.path or ""
    if walk.open is not None:
        yield f"event {event.seq}: {path} begins while attempt {walk.open[1]} is under way"
    if walk.cut is not None and spec.type_of(path) == "charge":
        yield f"event {event.seq}: {path} begins again after its attempt was cut"
    walk.attempts[path] += 1
    if event.attempt != walk.attempts[path]:
        yield f"event {event.seq}: attempt {event.attempt} is the {walk.attempts[path]}th"
    walk.open, walk.cut = (path, event.attempt or 0), None


def _close(walk: _Walk, event: Event, spec: Spec) -> Iterator[str]:
    path = event.path or ""
    pure = spec.type_of(path) in ("set", "delay")
    if event.kind in _CLOSE and not pure and walk.open != (path, event.attempt):
        yield f"event {event.seq}: {event.kind} of {path} #{event.attempt} without its begin"
    walk.open = None


def _check_cut_end(walk: _Walk, error: dict[str, str]) -> Iterator[str]:
    step = error.get("step", "")
    if error["type"] == "outcome_unknown" and walk.cut != step:
        yield f"its outcome is unknown, but no attempt of {step} was cut"
    if error["type"] == "poison" and walk.cuts[step] < MOST_CUTS:
        yield f"{step} is poison, but only {walk.cuts[step]} of its attempts were cut"


def _check_waits(run: Run, slack: int) -> Iterator[str]:
    """What waits goes on at its time or later, never early."""
    due: int | None = None
    for event in run.events:
        if due is not None and event.kind != Kind.CANCEL and event.at < due - slack:
            yield f"event {event.seq}: {event.kind} {due - event.at} ms early"
        if event.kind == Kind.PAUSE:
            body = run.events[0].data["trigger"]["body"]
            due = int(event.data["until"])
            if due < event.data["started_at"] + body["delay"] * 1000 - slack:
                yield f"event {event.seq}: the pause is shorter than {body['delay']} s"
        elif event.kind == Kind.RETRY:
            due = int(event.data["next_at"])
