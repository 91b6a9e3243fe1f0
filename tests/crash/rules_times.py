"""What must hold in one run between what is to happen later, and when it happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minizaps.journal.status import Kind

from .evidence import Event, Run
from .spec import ON_FAILURE


def check_times(run: Run, slack: int) -> Iterator[str]:
    """Each step goes on at its time or later, never early; a run sleeps no longer than it may."""
    due: dict[str, int | None] = {}  # when a paused or failed step goes on; None: by a signal only
    awaited: set[str] = set()  # the steps that go on earlier if their signal comes in
    for place, event in enumerate(run.events):
        path, until = event.path or "", due.get(event.path or "")
        if event.kind in (Kind.BEGIN, Kind.COMPLETE) and path in due:
            if until is not None and event.at < until - slack and path not in awaited:
                yield f"event {event.seq}: {event.kind} of {path} {until - event.at} ms early"
            del due[path]
            awaited.discard(path)
        elif event.kind == Kind.CATCH:
            late = event.data["error"]["type"] in ("wait_timeout", "timeout")
            if late and until is not None and event.at < until - slack:
                yield f"event {event.seq}: {path} timed out {until - event.at} ms early"
            _forget(due, path)
        elif event.kind == Kind.PAUSE:
            due[path] = event.data["until"]
            if "signal" in event.data:
                awaited.add(path)
            else:
                yield from _check_length(run, event, slack)
        elif event.kind == Kind.RETRY:
            due[path] = event.data["next_at"]
        elif event.kind == Kind.WAIT:
            yield from _check_wait(event, [at for at in due.values() if at is not None])
            yield from _check_wake(run.events[place:], slack)


def _forget(due: dict[str, int | None], path: str) -> None:
    inside = "" if path == ON_FAILURE else path
    for gone in [p for p in due if p == inside or p.startswith((f"{inside}.", f"{inside}["))
                 or not inside]:  # fmt: skip
        del due[gone]


def _check_length(run: Run, pause: Event, slack: int) -> Iterator[str]:
    delay = run.events[0].data["trigger"]["body"]["delay"]
    if pause.data["until"] < pause.data["started_at"] + delay * 1000 - slack:
        yield f"event {pause.seq}: the pause is shorter than {delay} s"


def _check_wait(wait: Event, due: Sequence[int]) -> Iterator[str]:
    first = min(due, default=None)
    if wait.data["until"] != first:
        yield f"event {wait.seq}: it waits until {wait.data['until']}, but is due at {first}"


def _check_wake(events: Sequence[Event], slack: int) -> Iterator[str]:
    """What wakes a run before its time is a signal, which it takes in, or its end."""
    wait, *after = events
    until = wait.data["until"]
    if not after or after[0].kind != Kind.WAKE:
        return
    if until is not None and after[0].at >= until - slack:
        return
    for event in after:
        if event.kind in (Kind.SIGNAL, Kind.CANCEL):
            return
        if event.kind in (Kind.WAIT, Kind.SUCCEED, Kind.FAIL):
            break
    early = "nobody" if until is None else f"nothing, {until - after[0].at} ms early"
    yield f"event {after[0].seq}: it was woken by {early}"
