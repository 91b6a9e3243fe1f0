"""The figures of a campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .delays import delays
from .evidence import Call, Evidence, Life, Run
from .rules_schedules import is_scheduled


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
        "fires of schedules": sum(map(is_scheduled, runs)),
        "failures": dict(errors.most_common()),
        "acknowledged cancellations": len(evidence.cancels),
        "replays asked for, acknowledged": [
            len(evidence.replays),
            sum(bool(replay.run_ids) for replay in evidence.replays),
        ],
        "names under which workers claimed": len(workers(evidence)),
        "found by": evidence.found,
        "answers": dict(Counter(answer.status for answer in evidence.answers).most_common()),
        "rescues": sum(len(run.of("rescue")) for run in runs),
        "calls": len(evidence.calls),
        "repeated calls": repeats(evidence),
        "repeated calls without a cut attempt": unexplained(evidence),
        "restart until it takes requests, at most": f"{max(boots, default=0):.2f} s",
        "restart until the first progress, at most": f"{max(recovered, default=0):.2f} s",
        **delays(evidence),
        "wakes late, at most": f"{max(map(_latest_wake, runs), default=0):.3f} s",
    }


def repeats(evidence: Evidence) -> int:
    """Calls beyond the first of a step whose result was lost by a kill."""
    return sum(
        max(0, len(calls) - max(1, len(run.results(step))))
        for run, step, calls in _called(evidence)
    )


def unexplained(evidence: Evidence) -> int:
    """Repeated calls of a step beyond its attempts that were cut off."""
    count = 0
    for run, step, calls in _called(evidence):
        results = len(run.results(step))
        cuts = len(run.of("begin", path=step)) - results
        count += max(0, len(calls) - max(1, results) - max(0, cuts))
    return count


def _called(evidence: Evidence) -> Iterator[tuple[Run, str, list[Call]]]:
    for run_id, steps in evidence.calls_of_runs().items():
        if run_id in evidence.runs:
            yield from ((evidence.runs[run_id], step, calls) for step, calls in steps.items())


def workers(evidence: Evidence) -> set[str]:
    """The names of the workers that claimed runs; a fenced one goes on under a new one."""
    return {claim.data["worker"] for run in evidence.runs.values() for claim in run.of("claim")}


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
        wake.at - wait.data["until"]
        for wait, wake in zip(run.events, run.events[1:], strict=False)
        if (wait.kind, wake.kind) == ("wait", "wake") and wait.data["until"] is not None
    ]
    return max(late, default=0) / 1000
