"""What must hold between the runs of a workflow that limits them."""

from __future__ import annotations

from collections.abc import Iterator

from minizaps.journal.status import Kind

from .evidence import Evidence, Run
from .workflows import SPECS


def check_limits(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Run ids, with what is wrong there."""
    for spec in SPECS.values():
        runs = [run for run in evidence.runs.values() if run.workflow == spec.name]
        times = sorted(
            (at, run.finished_at or at, run.id)
            for run in runs
            if (at := _admitted(run)) is not None
        )
        if (concurrency := spec.limits.get("concurrency")) is not None:
            yield from _check_concurrency(times, concurrency["limit"])
        if (rate := spec.limits.get("rate")) is not None:
            yield from _check_rate(times, rate["limit"], int(rate["per"] * 1000))


def _admitted(run: Run) -> int | None:
    """When a run passed its gates; None where it ended at one."""
    first = run.events[0] if run.events else None
    if first is None or first.kind == Kind.START:
        return None if first is None else first.at
    return next((event.at for event in run.of(Kind.WAKE)), None)


def _check_concurrency(times: list[tuple[int, int, str]], limit: int) -> Iterator[tuple[str, str]]:
    for at, _, run_id in times:
        under_way = [i for begun, ended, i in times if begun <= at < ended]
        if len(under_way) > limit:
            yield run_id, f"{len(under_way)} runs were under way, {limit} are allowed: {under_way}"


def _check_rate(
    times: list[tuple[int, int, str]], limit: int, span: int
) -> Iterator[tuple[str, str]]:
    for (first, *_), (last, _, run_id) in zip(times, times[limit:], strict=False):
        if last - first < span:
            yield run_id, f"{limit + 1} runs started within {last - first} ms, under {span}"
