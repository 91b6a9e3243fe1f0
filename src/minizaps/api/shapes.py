"""What the API's answers look like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from minizaps.clock import LATEST, to_text
from minizaps.journal.records import Event, Run
from minizaps.journal.status import Kind, Status

T = TypeVar("T")

LARGEST_NUMBER = 2**53 - 1  # beyond it, JSON numbers are not exact everywhere (RFC 8259)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)

VersionNumber = Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
# Nothing happened before 1970 or will after 9998: the bounds change no answer.
Moment = Annotated[AwareDatetime, AfterValidator(lambda m: min(max(m, _EARLIEST), _LATEST))]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=100, description="`next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """One page of a list, and where the next one begins."""

    items: list[T]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")


class WorkflowRef(BaseModel):
    """Which version of which workflow."""

    id: str
    name: str | None
    version: int


class TriggerRef(BaseModel):
    """What started a run."""

    id: str
    type: str


class ParentRef(BaseModel):
    """The step of another run that has started a run."""

    run: str
    step: str


class RunSummary(BaseModel):
    """A run, as lists show it."""

    id: str
    workflow: WorkflowRef
    status: Status
    trigger: TriggerRef
    created_at: str
    started_at: str | None
    finished_at: str | None
    wake_at: str | None = Field(
        description="When a waiting run goes on at the latest; null if it waits for an answer."
    )
    replay_of: str | None
    parent: ParentRef | None = Field(description="The run and the step that called this one.")
    error_type: str | None
    dead_letter: str | None = Field(description="Of a failed run: open, replayed or discarded.")


class RunDetail(RunSummary):
    """A run with its data."""

    input: Any
    output: Any
    error: dict[str, Any] | None


class Attempt(BaseModel):
    """One try of a step."""

    number: int
    status: str
    input: Any
    output: Any
    error: dict[str, Any] | None
    started_at: str | None
    finished_at: str | None


class StepDetail(BaseModel):
    """A step of a run with its attempts."""

    path: str
    type: str
    status: str
    max_attempts: int
    next_at: str | None = Field(description="When the next attempt is due, or a pause ends.")
    taken_over: bool = Field(description="Whether a replay took the result over.")
    run: str | None = Field(description="The run that a `workflow` step has started.")
    callback: dict[str, str] | None = Field(
        description="The URLs that a `wait` step waits for; not shown to viewers."
    )
    attempts: list[Attempt]


def summary_fields(run: Run) -> dict[str, Any]:
    """The fields that all shapes of a run have."""
    return {
        "id": run.id,
        "workflow": {
            "id": run.workflow_id,
            "name": run.workflow_name,
            "version": run.version,
        },
        "status": run.status,
        "trigger": {"id": run.trigger_id, "type": run.trigger_type},
        "created_at": to_text(run.created_at),
        "started_at": to_text(run.started_at),
        "finished_at": to_text(run.finished_at),
        "wake_at": _wake_at(run),
        "replay_of": run.replay_of,
        "parent": None if run.parent_id is None else {"run": run.parent_id, "step": run.trigger_id},
        "error_type": run.error_type,
        "dead_letter": run.dead_letter,
    }


def _wake_at(run: Run) -> str | None:
    waits = run.status is Status.WAITING and run.due_at is not None and run.due_at < LATEST
    return to_text(run.due_at) if waits else None


def detail_fields(run: Run, events: list[Event]) -> dict[str, Any]:
    """A run with the data of its first and last events."""
    trigger = events[0].data["trigger"] if events else {}
    output = error = None
    for event in events:
        if event.kind is Kind.SUCCEED:
            output = event.data["output"]
        elif event.kind is Kind.FAIL:
            error = event.data["error"]
    return {
        **summary_fields(run), "input": trigger.get("body"), "output": output, "error": error
    }  # fmt: skip


def page_of(items: list[Any], limit: int, cursor: Any) -> dict[str, Any]:
    """A page of what was read with one more than `limit`.

    Args:
        cursor: gives the cursor of an item.
    """
    shown = items[:limit]
    return {"items": shown, "next": cursor(shown[-1]) if len(items) > limit else None}
