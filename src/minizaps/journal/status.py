"""What a run can be, and every change that is allowed. Nothing else changes a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """A run's status."""

    QUEUED = "queued"  # ready: a worker may claim it
    RUNNING = "running"  # claimed: the worker with the present epoch may write
    WAITING = "waiting"  # until `due_at`, or until a signal comes in
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # also a dead letter, until a person replays or discards it
    CANCELLED = "cancelled"


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
_LIVE = frozenset(Status) - ENDED
_RUNNING = frozenset({Status.RUNNING})


class Kind(StrEnum):
    """The transitions' names; each writes one event of the same kind."""

    START = "start"  # -> queued
    DEFER = "defer"  # -> waiting: accepted, but a limit lets it start later
    CLAIM = "claim"  # queued -> running, with a new epoch
    BEGIN = "begin"  # an attempt begins
    ENTER = "enter"  # a block begins
    SIGNAL = "signal"  # what came in from outside is taken in
    COMPLETE = "complete"  # a step has succeeded
    SKIP = "skip"  # a step's `if` was false
    CATCH = "catch"  # a step has failed for good and `on_error` takes over
    RETRY = "retry"  # an attempt has failed and will be made again
    PAUSE = "pause"  # a step has succeeded, and goes on later
    WAIT = "wait"  # nothing can be done now; running -> waiting
    WAKE = "wake"  # waiting -> queued
    SUCCEED = "succeed"  # running -> succeeded
    FAIL = "fail"  # running -> failed
    CANCEL = "cancel"  # queued, running or waiting -> cancelled
    RELEASE = "release"  # the worker gives the run back; running -> queued
    RESCUE = "rescue"  # the worker is dead; running -> queued
    REPLAY = "replay"  # a new run was made from this ended one
    DISCARD = "discard"  # a person has closed the dead letter


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed change.

    Attributes:
        before: the statuses in which it may happen.
        after: the run's status then; None where it stays as it was.
        leased: whether only the worker that holds the run's lease may do it.
        query: the name of its statement in the SQL files.
    """

    before: frozenset[Status]
    after: Status | None
    leased: bool
    query: str


def _leased(after: Status) -> Transition:
    return Transition(_RUNNING, after, True, "hold" if after is Status.RUNNING else "settle")


TRANSITIONS: dict[Kind, Transition] = {
    Kind.START: Transition(frozenset(), Status.QUEUED, False, "start"),
    Kind.DEFER: Transition(frozenset(), Status.WAITING, False, "start"),
    Kind.CLAIM: Transition(frozenset({Status.QUEUED}), Status.RUNNING, False, "claim"),
    Kind.BEGIN: _leased(Status.RUNNING),
    Kind.ENTER: _leased(Status.RUNNING),
    Kind.SIGNAL: _leased(Status.RUNNING),
    Kind.COMPLETE: _leased(Status.RUNNING),
    Kind.SKIP: _leased(Status.RUNNING),
    Kind.CATCH: _leased(Status.RUNNING),
    Kind.RETRY: _leased(Status.RUNNING),
    Kind.PAUSE: _leased(Status.RUNNING),
    Kind.WAIT: _leased(Status.WAITING),
    Kind.SUCCEED: _leased(Status.SUCCEEDED),
    Kind.FAIL: _leased(Status.FAILED),
    Kind.RELEASE: _leased(Status.QUEUED),
    Kind.WAKE: Transition(frozenset({Status.WAITING}), Status.QUEUED, False, "wake"),
    Kind.RESCUE: Transition(_RUNNING, Status.QUEUED, False, "rescue"),
    Kind.CANCEL: Transition(_LIVE, Status.CANCELLED, False, "cancel"),
    Kind.REPLAY: Transition(ENDED, None, False, "replay"),
    Kind.DISCARD: Transition(frozenset({Status.FAILED}), None, False, "discard"),
}
