"""What must hold between one run's events and the calls that the sink got for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from minizaps.journal.status import Kind

from .evidence import Call, Event, Evidence, Run
from .spec import ON_FAILURE, Spec

IN_FLIGHT = 2000  # milliseconds that a call may be under way when what it is part of has ended


def check_effects(
    run: Run, spec: Spec, calls: Mapping[str, Sequence[Call]], evidence: Evidence
) -> Iterator[str]:
    """Everything that is wrong with the calls of a run's steps, sorted by time."""
    slack = evidence.slack
    for step, made in calls.items():
        yield from _check_recorded(step, run.of(Kind.BEGIN, path=step), made, slack)
        if not (evidence.paused and run.of(Kind.RESCUE)):
            yield from _check_after(step, run, made, slack)
        for call in made:
            if call.key != f"{run.id}:{step}":
                yield f"{step} was called with the key {call.key}"
        if spec.type_of(step) == "charge" and len(made) > 1:
            yield f"{step} was called {len(made)} times and may be called once"
    for step in {event.path for event in run.of(Kind.BEGIN)}:
        yield from _check_made(step or "", run, calls.get(step or "", ()))
    yield from _check_pauses(run, spec, calls, slack)


def _check_recorded(
    step: str, begins: Sequence[Event], made: Sequence[Call], slack: int
) -> Iterator[str]:
    """Each call has an attempt of its own in the journal, begun before it."""
    for call in made:
        if sum(begin.at <= call.at + slack for begin in begins) < call.call:
            yield f"call {call.call} of {step} came without an attempt in the journal"
        if call.attempt is not None and call.attempt not in {str(b.attempt) for b in begins}:
            yield f"call {call.call} of {step} was of attempt {call.attempt}, which never began"


def _check_made(step: str, run: Run, made: Sequence[Call]) -> Iterator[str]:
    """An attempt with a result in the journal has really been made."""
    complete = [event for event in run.of(Kind.COMPLETE, path=step) if _has_calls(event)]
    if complete and not any(call.status == 200 for call in made):
        yield f"{step} is complete, but no call of it was answered with 200"
    failed = [event for event in run.results(step) if event.kind != Kind.COMPLETE]
    answered = [e for e in failed if e.data["error"]["type"] == "http_status"]
    results = len(answered) + len(complete)
    if len(made) < results:
        yield f"{step} has {results} results, but was called {len(made)} times"


def _has_calls(complete: Event) -> bool:
    output = complete.data.get("output", {})
    return "status" in output or "charged" in output


def _check_after(step: str, run: Run, made: Sequence[Call], slack: int) -> Iterator[str]:
    """No call after the step's result, or after the end of what it is part of."""
    for event in run.results(step):
        if event.kind == Kind.RETRY:
            continue
        for call in made:
            if call.at > event.at + slack:
                yield f"call {call.call} of {step} came {call.at - event.at} ms after its result"
    for event in run.of(Kind.CANCEL, Kind.SUCCEED, Kind.FAIL, Kind.CATCH):
        if event.kind == Kind.CATCH and not _is_inside(step, event.path or ""):
            continue
        grace = slack if event.kind == Kind.SUCCEED else IN_FLIGHT
        for call in made:
            if call.at > event.at + grace:
                yield f"call {call.call} of {step} came after {event.kind}"


def _is_inside(step: str, where: str) -> bool:
    """Whether a step ends when a failure is caught."""
    if where == ON_FAILURE:
        return not step.startswith(f"{ON_FAILURE}.")
    if where.endswith("]"):
        return step.startswith(f"{where}.")
    return step.startswith(f"{where}[")


def _check_pauses(
    run: Run, spec: Spec, calls: Mapping[str, Sequence[Call]], slack: int
) -> Iterator[str]:
    """No step after a pause is called before the pause is over."""
    for event in run.of(Kind.PAUSE):
        if "signal" in event.data:
            continue
        for step in calls:
            for call in calls[step] if spec.is_after(step, event.path or "") else ():
                if call.at < event.data["until"] - slack:
                    yield f"{step} was called {event.data['until'] - call.at} ms early"
