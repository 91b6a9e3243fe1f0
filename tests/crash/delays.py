"""How long runs had to wait: for a worker, and for another one when theirs was gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minizaps.journal.status import Kind

from .evidence import Event, Evidence, Run

WAITS = {
    "ready until claimed": (Kind.START, Kind.WAKE),
    "given back until claimed": (Kind.RELEASE,),
}


def delays(evidence: Evidence) -> dict[str, object]:
    """Seconds, each with its p50, p99 and maximum."""
    runs = evidence.runs.values()
    named: dict[str, list[float]] = {
        f"{name} ({len(found)} runs)": found
        for name, kinds in WAITS.items()
        if (found := sorted(wait for run in runs for wait in _waits(run, kinds)))
    }
    deaths = {life.worker: life.ended for life in evidence.lives if life.worker and life.ended}
    takeovers = sorted(wait for run in runs for wait in _takeovers(run, deaths))
    if takeovers:
        named[f"death until taken over ({len(takeovers)} runs)"] = takeovers
    return {f"{name}, p50, p99, max": percentiles(found) for name, found in named.items()}


def percentiles(ordered: Sequence[float]) -> list[float]:
    """The p50, p99 and maximum of sorted values."""
    return [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99, 1)]


def _waits(run: Run, kinds: Sequence[Kind]) -> Iterator[float]:
    """From each event of these kinds to the claim that comes next after it."""
    for ready, claim in zip(run.events, run.events[1:], strict=False):
        if ready.kind in kinds and claim.kind == Kind.CLAIM:
            yield (claim.at - ready.at) / 1000


def _takeovers(run: Run, deaths: dict[str, int]) -> Iterator[float]:
    for held, rescue, claim in _taken_over(run):
        worker = held.data["worker"]
        if worker in deaths and rescue.at >= deaths[worker]:
            yield (claim.at - deaths[worker]) / 1000


def _taken_over(run: Run) -> Iterator[tuple[Event, Event, Event]]:
    """Each rescue, with the claim before it and the one after it."""
    claims = run.of(Kind.CLAIM)
    for rescue in run.of(Kind.RESCUE):
        before = [claim for claim in claims if claim.seq < rescue.seq]
        after = [claim for claim in claims if claim.seq > rescue.seq]
        if before and after:
            yield before[-1], rescue, after[0]
