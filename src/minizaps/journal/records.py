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
        due_at: for `retry` and `pause`, when the run goes on, in milliseconds.
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


class NewRun(NamedTuple):
    """A run that is to start.

    Attributes:
        trigger: the context root `trigger`: `id`, `type`, `body`, `headers`, `query`.
        deadline: when the run's own timeout ends it, in milliseconds.
        priority: of several queued runs of a project, the highest is claimed first.
        closing: whether the replayed run has to be an open dead letter.
        results: how steps ended that a replay takes over, by path: `{"output"}`, `{"error"}` or
            `{"skipped": true}`.
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
    """A trigger of a workflow's present version."""

    id: str
    type: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Hook:
    """What an inbound hook's token leads to."""

    project: str
    workflow_id: str
    version: int
    trigger_id: str


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
