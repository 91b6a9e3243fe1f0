"""Holds the three logs together: whatever they do not agree on is a violation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .evidence import CLOCKS_APART, Event, Evidence, Post, Run
from .rules_answers import check_answers, check_calls_back
from .rules_children import check_children
from .rules_effects import check_effects
from .rules_history import check_history
from .rules_limits import check_limits
from .rules_replays import check_replays
from .rules_schedules import check_schedules, is_scheduled
from .workflows import SPECS

EXCUSED_FOR = 40_000  # milliseconds after a trouble


@dataclass(frozen=True)
class Violation:
    """A broken promise: of which run (or which token), and what is wrong."""

    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"


def check(evidence: Evidence) -> list[Violation]:
    """Everything that the evidence proves to be wrong."""
    return list(_check(evidence))


def _check(evidence: Evidence) -> Iterator[Violation]:
    for life in evidence.lives:
        if life.how.startswith("code") or life.how in ("", "itself", "hung"):
            yield Violation("the server", f"ended by {life.how or 'nothing'}")
    yield from _check_requests(evidence)
    yield from (Violation(run_id, what) for run_id, what in check_calls_back(evidence))
    yield from (Violation(run_id, what) for run_id, what in check_children(evidence))
    yield from (Violation(run_id, what) for run_id, what in check_limits(evidence))
    yield from (Violation(subject, what) for subject, what in check_schedules(evidence))
    calls = evidence.calls_of_runs()
    for run_id in calls.keys() - evidence.runs.keys():
        steps = ", ".join(calls[run_id])
        yield Violation(run_id, f"{steps} was called, but the journal has no such run")
    for run in evidence.runs.values():
        if (spec := SPECS.get(run.workflow)) is None:
            continue
        problems = [
            *check_history(run, spec, evidence.slack),
            *_check_rescues(run, evidence),
            *check_answers(run, spec),
            *check_effects(run, spec, calls.get(run.id, {}), evidence),
        ]
        yield from (Violation(run.id, f"[{spec.name}] {what}") for what in problems)


def _check_requests(evidence: Evidence) -> Iterator[Violation]:
    """What was asked for is there, and nothing else."""
    tokens = defaultdict(list)
    for run in evidence.runs.values():
        if run.replay_of is None and run.parent is None and not is_scheduled(run):
            tokens[_token(run)].append(run)
    for post in evidence.posts:
        runs = tokens.pop(post.token, [])
        yield from (Violation(post.token, what) for what in _check_post(post, runs))
    for token, runs in tokens.items():
        yield from (Violation(run.id, f"nobody asked for it (token {token})") for run in runs)
    yield from (Violation(run_id, what) for run_id, what in check_replays(evidence))
    for cancel in evidence.cancels:
        if (run := evidence.runs.get(cancel.run_id)) is None or not run.of("cancel"):
            yield Violation(cancel.run_id, f"cancelled ({cancel.door}), but it was not")


def _token(run: Run) -> str:
    """What the client wrote into the run's input."""
    body = run.events[0].data.get("trigger", {}).get("body") if run.events else None
    return body.get("token", "none") if isinstance(body, dict) else "none"


def _check_post(post: Post, runs: list[Run]) -> Iterator[str]:
    """An acknowledged run is there, once, and is what was asked for."""
    for refusal in post.refusals:
        yield f"the {post.door} answered {refusal}"
    if len(acknowledged := set(post.run_ids)) > 1:
        yield f"one key, several runs: {sorted(acknowledged)}"
    if len(runs) > 1:
        yield f"sent {post.sent} times, made {len(runs)} runs: {[run.id for run in runs]}"
    for lost in acknowledged - {run.id for run in runs}:
        yield f"the {post.door} acknowledged run {lost}, which the journal does not have"
    for run in runs:
        if run.workflow != post.workflow:
            yield f"run {run.id} is of {run.workflow}, not of {post.workflow}"


def _check_rescues(run: Run, evidence: Evidence) -> Iterator[str]:
    """A run is rescued only when its worker is dead, or might be taken for it."""
    for before, event in zip(run.events, run.events[1:], strict=False):
        if event.kind != "rescue":
            continue
        claim = max((e for e in run.of("claim") if e.seq <= before.seq), key=lambda e: e.seq)
        if not _may_be_rescued(claim, event.at, evidence):
            yield f"event {event.seq}: rescued while its worker was alive"


def _may_be_rescued(claim: Event, at: int, evidence: Evidence) -> bool:
    if not evidence.troubles:
        # The one worker rescues at its start what the one before it has left.
        return any(life.spawned <= at <= (life.ready or life.ended) for life in evidence.lives)
    recent = range(at - EXCUSED_FOR, at + CLOCKS_APART)
    if any(trouble.excuses and trouble.at in recent for trouble in evidence.troubles):
        return True
    worker = claim.data["worker"]
    # A worker that died before it had greeted has left no name.
    return any(
        life.worker in (worker, "") and 0 < life.ended < at + CLOCKS_APART
        for life in evidence.lives
    )
