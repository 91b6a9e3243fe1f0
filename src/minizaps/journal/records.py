"""What goes into the journal and what comes out of it.

What every run makes many of is a named tuple, which costs a fifth of a frozen data class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from minizaps.journal.status import Kind, Status


class Change(NamedTuple):
    """One transition that the holder of a lease wants to write.

    Attributes:
        kind: the transition.
        at: when it happened, in milliseconds.
        path: the step it belongs to.
        attempt: the attempt it belongs to.
        data: the event's facts, as JSON.
        due_at: for `wait`, when the run goes on if nothing comes in before, in milliseconds.
    """

    kind: Kind
    at: int
    path: str | None = None
    attempt: int | None = None
    data: dict[str, Any] | None = None
    due_at: int | None = None


class Event(NamedTuple):
    """One fact of a run's history."""

    seq: int
    at: int
    kind: Kind
    path: str | None
    attempt: int | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The sender's key: the same key and body give the same run."""

    scope: str
    key: str
    body_hash: str


class Parent(NamedTuple):
    """The run whose step another run is.

    Attributes:
        epoch: of the lease that starts the child: a stale worker starts none.
        awaited: whether the parent waits for the child, and cancels it when it ends before.
        depth: how many runs are above the child.
    """

    run_id: str
    epoch: int
    awaited: bool
    depth: int


class Limits(NamedTuple):
    """What limits when a run may start; each key names the runs that share a limit.

    Attributes:
        debounce: the key, and for how many milliseconds nothing has to come.
        rate: the key, and how many may start in how many milliseconds.
        concurrency: the key, how many may be under way, and what to do at the limit.
    """

    debounce: tuple[str, int] | None = None
    rate: tuple[str, int, int] | None = None
    concurrency: tuple[str, int, str] | None = None


class NewRun(NamedTuple):
    """A run that is to start.

    Attributes:
        trigger: the context root `trigger`: `id`, `type`, `body`, `headers`, `query`.
        deadline: when the run's own timeout ends it, in milliseconds.
        priority: of several queued runs of a project, the highest is claimed first.
        closing: whether the replayed run has to be an open dead letter.
        results: how steps ended that a replay takes over, by path: `{"output"}`, `{"error"}` or
            `{"skipped": true}`, with what is known of steps inside as `inner`; what a block was
            `{"entered"}` with; see `engine.results`.
        id: the run's id; a new one if left out. Where there is a run of that id, it is that one.
    """

    project: str
    workflow_id: str
    version: int
    trigger: dict[str, Any]
    deadline: int | None = None
    idempotency: Idempotency | None = None
    replay_of: str | None = None
    closing: bool = False
    results: dict[str, dict[str, Any]] | None = None
    by: str | None = None
    priority: int = 0
    id: str | None = None
    parent: Parent | None = None
    limits: Limits | None = None


class Run(NamedTuple):
    """The run row."""

    id: str
    project: str
    workflow_id: str
    workflow_name: str | None
    version: int
    status: Status
    epoch: int
    trigger_id: str
    trigger_type: str
    replay_of: str | None
    created_at: int
    started_at: int | None
    finished_at: int | None
    due_at: int | None
    deadline: int | None
    error_type: str | None
    error_path: str | None
    dead_letter: str | None
    parent_id: str | None = None
    follow_up: int = 0
    signals: int = 0


class Signal(NamedTuple):
    """What came in for a run from outside.

    Attributes:
        number: its place among the run's signals, from 1.
        name: what it is for: a step's path, or the id of a run.
    """

    number: int
    name: str
    at: int
    data: dict[str, Any]


class Claimed(NamedTuple):
    """A run that a worker holds: its row, its lease epoch and its history."""

    run: Run
    epoch: int
    events: tuple[Event, ...]


class Started(NamedTuple):
    """The answer of `start`.

    Attributes:
        run_id: the run's id.
        created: False where an idempotency key found the earlier run.
        claimed: the run, where the worker took it at once.
    """

    run_id: str
    created: bool
    claimed: Claimed | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow's row."""

    id: str
    project: str
    name: str
    version: int
    active: bool
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of a workflow."""

    workflow_id: str
    version: int
    definition: dict[str, Any]
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of a workflow's present version.

    Attributes:
        due_at: when it fires or looks next, in milliseconds; None if it does not.
        fired_at: when it last started a run.
        error: why it failed last: `at`, `type` and `detail`.
        failures: how often it has failed in a row.
    """

    id: str
    type: str
    token: str | None
    config: dict[str, Any]
    due_at: int | None
    fired_at: int | None
    error: dict[str, Any] | None
    failures: int


@dataclass(frozen=True, slots=True)
class Hook:
    """What an inbound hook's token leads to."""

    project: str
    workflow_id: str
    version: int
    trigger_id: str


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential as it is kept: what is secret is encrypted.

    Attributes:
        token: what it was given for a time, if anything; `expires_at` says until when.
        pending: a person's consent that is under way.
        state: `ready`, `unconnected` (nobody has agreed yet) or `revoked`.
        problem: why it cannot be used, if it cannot.
        revision: grows with each change.
    """

    id: str
    project: str
    name: str
    type: str
    sealed: str
    token: str | None
    expires_at: int | None
    pending: str | None
    state: str
    problem: str | None
    revision: int
    created_at: int
    created_by: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret."""

    id: str
    project: str
    name: str
    role: str
    prefix: str
    hash: str
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project: workflows, runs and keys that others do not see."""

    id: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what."""

    id: str
    at: int
    actor: str
    action: str
    target: str
    detail: dict[str, Any] | None
