"""The figures of a campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .evidence import Event, Evidence, Life, Run


def figures(evidence: Evidence) -> dict[str, object]:
    """What was done and what it came to, each with its name."""
    runs = evidence.runs.values()
    errors = Counter(run.error_type for run in runs if run.error_type)
    recovered = [s for life in evidence.lives if (s := recovery(life, list(runs))) is not None]
    boots = [(life.ready - life.spawned) / 1000 for life in evidence.lives if life.ready]
    deaths = Counter(life.how for life in evidence.lives)
    return {
        "starts": len(evidence.lives),
        "ends of processes": dict(deaths.most_common()),
        "troubles": dict(Counter(trouble.what for trouble in evidence.troubles).most_common()),
        "requests for runs": sum(post.sent for post in evidence.posts),
        "acknowledged": sum(bool(post.run_ids) for post in evidence.posts),
        "runs": dict(Counter(run.status for run in runs).most_common()),
        "failures": dict(errors.most_common()),
        "acknowledged cancellations": len(evidence.cancels),
        "rescues": sum(len(run.of("rescue")) for run in runs),
        "calls": len(evidence.calls),
        "repeated calls": repeats(evidence),
        "restart until it takes requests, at most": f"{max(boots, default=0):.2f} s",
        "restart until the first progress, at most": f"{max(recovered, default=0):.2f} s",
        **takeovers(evidence),
        "wakes late, at most": f"{max(map(_latest_wake, runs), default=0):.3f} s",
    }


def repeats(evidence: Evidence) -> int:
    """Calls beyond the first of a step whose result was lost by a kill."""
    count = 0
    for (run_id, step), calls in evidence.calls_by_step().items():
        if run_id in evidence.runs:
            results = evidence.runs[run_id].of("retry", "catch", "complete", "fail", path=step)
            count += max(0, len(calls) - max(1, len(results)))
    return count


def recovery(life: Life, runs: list[Run]) -> float | None:
    """Seconds from a restart until the first run that a kill had cut went on.

    A restart with nothing to go on with, or killed before, has none.
    """
    claims = [
        claim.at
        for run in runs
        for rescue, claim in zip(run.events, run.events[1:], strict=False)
        if (rescue.kind, claim.kind) == ("rescue", "claim")
        and life.spawned <= claim.at <= life.ended
    ]
    return (min(claims) - life.spawned) / 1000 if claims else None


def _latest_wake(run: Run) -> float:
    """How late a run was woken, restarts included."""
    late = [
        wake.at - (pause.data.get("until") or pause.data["next_at"])
        for pause, wake in zip(run.events, run.events[1:], strict=False)
        if pause.kind in ("pause", "retry") and wake.kind == "wake"
    ]
    return max(late, default=0) / 1000


def takeovers(evidence: Evidence) -> dict[str, object]:
    """Seconds from a worker's death until another one had claimed a run that it left behind."""
    deaths = {life.worker: life.ended for life in evidence.lives if life.worker and life.ended}
    waits = sorted(
        (claim.at - deaths[worker]) / 1000
        for run in evidence.runs.values()
        for held, rescue, claim in _taken_over(run)
        if (worker := held.data["worker"]) in deaths and rescue.at >= deaths[worker]
    )
    if not waits:
        return {}
    at = [waits[int(share * (len(waits) - 1))] for share in (0.5, 0.99, 1)]
    return {f"taken over after a death ({len(waits)} runs), p50, p99, max": at}


def _taken_over(run: Run) -> Iterator[tuple[Event, Event, Event]]:
    """Each rescue, with the claim before it and the one after it."""
    claims = run.of("claim")
    for rescue in run.of("rescue"):
        before = [claim for claim in claims if claim.seq < rescue.seq]
        after = [claim for claim in claims if claim.seq > rescue.seq]
        if before and after:
            yield before[-1], rescue, after[0]
