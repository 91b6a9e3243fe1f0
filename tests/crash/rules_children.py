"""What must hold between a run and the runs that its steps have started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from minizaps.journal.status import Kind

from .evidence import Evidence, Run

TOLD_WITHIN = 30_000  # milliseconds from a run's end, restarts included, until its children know


def check_children(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Run ids, with what is wrong there."""
    runs = evidence.runs
    started: dict[tuple[str, str], list[str]] = defaultdict(list)  # by the parent and its step
    for run in runs.values():
        for event in run.of(Kind.BEGIN):
            if (child := event.data.get("run")) is not None:
                known = started[run.id, event.path or ""]
                if child not in known:
                    known.append(child)
    known_to = {child: parent for (parent, _), children in started.items() for child in children}
    for run in runs.values():
        if run.parent is not None and known_to.get(run.id) != run.parent:
            yield run.id, f"it is a step of {run.parent}, which has not started it"
    for (parent, path), children in started.items():
        present = [runs[child] for child in children if child in runs]
        for what in _check_step(runs[parent], path, children, present):
            yield parent, what
        for child in present:
            yield from ((child.id, what) for what in _check_alive(runs[parent], child))


def _check_step(
    parent: Run, path: str, children: Sequence[str], present: Sequence[Run]
) -> Iterator[str]:
    """A step starts one run, unless it is tried again, and has the output of the last one."""
    if len(present) > 1 + len(parent.of(Kind.RETRY, path=path)):
        yield f"{path} started {len(present)} runs: {[run.id for run in present]}"
    ids = {run.id for run in present}
    for event in parent.of(Kind.PAUSE, path=path):
        if event.data["signal"] not in ids:
            yield f"{path} waits for {event.data['signal']}, which the journal does not have"
        if event.data["signal"] not in children:
            yield f"{path} waits for {event.data['signal']}, which it has not started"
    for event in parent.of(Kind.COMPLETE, path=path):
        given = [
            {"run_id": run.id, "output": end.data["output"]}
            for run in present[-1:]
            for end in run.of(Kind.SUCCEED)
        ]
        if [event.data["output"]] != given:
            yield f"{path} has {event.data['output']}, but its run gave {given}"


def _check_alive(parent: Run, child: Run) -> Iterator[str]:
    """What has nobody to wait for it is cancelled, not brought to its end."""
    ends = (parent.finished_at, child.finished_at)
    if None not in ends and child.status != "cancelled":
        late = (child.finished_at or 0) - (parent.finished_at or 0)
        if late > TOLD_WITHIN:
            yield f"it went on until {late} ms after the end of its parent"
