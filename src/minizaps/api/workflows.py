"""Workflows: save, read, activate, roll back, validate."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from minizaps.api.auth import Editor, Identity, Operator, Role, TheApp, Viewer
from minizaps.api.bodies import StrictRoute
from minizaps.api.shapes import Cursor, Limit, Page, VersionNumber, page_of
from minizaps.app import App
from minizaps.clock import to_text
from minizaps.definition.due import TIMED, next_due
from minizaps.errors import InvalidInput, Problem
from minizaps.journal.records import Trigger, Version, Workflow

router = APIRouter(prefix="/workflows", tags=["workflows"], route_class=StrictRoute)

SHOWN_FIRES = 5
RawDefinition = Annotated[dict[str, Any], Body(description="A definition.")]


class TriggerError(BaseModel):
    """Why a trigger could not start a run."""

    at: str
    type: str
    detail: str


class TriggerDetail(BaseModel):
    """A trigger of the present version."""

    id: str
    type: str
    url: str | None = None
    next_fire_at: str | None = Field(
        default=None, description="When it fires or looks next; null if it does not."
    )
    next_fires: list[str] = Field(default=[], description="Its next times, five at most.")
    last_fired_at: str | None = Field(default=None, description="When it last started a run.")
    failures: int = Field(default=0, description="How often it has failed in a row.")
    error: TriggerError | None = Field(default=None, description="Why it failed last.")


class WorkflowSummary(BaseModel):
    """A workflow, as lists show it."""

    id: str
    name: str
    version: int
    active: bool
    created_at: str
    updated_at: str


class WorkflowDetail(WorkflowSummary):
    """A workflow with its definition."""

    definition: dict[str, Any]
    triggers: list[TriggerDetail]


class VersionSummary(BaseModel):
    """One version of a workflow."""

    version: int
    created_at: str
    created_by: str


class VersionDetail(VersionSummary):
    """One version with its definition."""

    definition: dict[str, Any]


class Rollback(BaseModel):
    """Which version to go back to."""

    model_config = ConfigDict(extra="forbid")
    version: VersionNumber


class Valid(BaseModel):
    """A valid definition, as it would be stored."""

    definition: dict[str, Any]


@router.post("", status_code=201)
async def create_workflow(
    app: TheApp,
    who: Editor,
    definition: RawDefinition,
    response: Response,
    active: Annotated[bool, Query(description="Whether its triggers fire.")] = True,
) -> WorkflowDetail:
    """Save a new workflow."""
    checked = await _checked(app, who, definition)
    workflow = await app.catalog.create(who.project, checked, active=active, by=who.actor)
    await app.access.record(who.project, who.actor, "workflow.create", workflow.id)
    response.headers["Location"] = f"/api/v1/workflows/{workflow.id}"
    return await _detail(app, who, workflow, response)


@router.put("/{workflow_id}")
async def revise_workflow(
    app: TheApp,
    who: Editor,
    workflow_id: str,
    definition: RawDefinition,
    response: Response,
    if_match: Annotated[str | None, Header(description='The version read, such as `"3"`.')] = None,
) -> WorkflowDetail:
    """Save a new version; runs that have started keep theirs."""
    checked = await _checked(app, who, definition)
    present = await app.catalog.workflow(workflow_id, who.project)
    workflow = await app.catalog.revise(
        present.id, who.project, checked, expected=_expected(if_match), by=who.actor
    )
    await _audit(app, who, "workflow.revise", workflow)
    return await _detail(app, who, workflow, response)


@router.post("/{workflow_id}/rollback")
async def roll_back_workflow(
    app: TheApp, who: Editor, workflow_id: str, rollback: Rollback, response: Response
) -> WorkflowDetail:
    """Save the definition of an earlier version as a new one."""
    present = await app.catalog.workflow(workflow_id, who.project)
    earlier = await app.catalog.version(present.id, rollback.version)
    checked = await _checked(app, who, earlier.definition)
    workflow = await app.catalog.revise(
        present.id, who.project, checked, expected=present.version, by=who.actor
    )
    await _audit(app, who, "workflow.rollback", workflow, to=rollback.version)
    return await _detail(app, who, workflow, response)


@router.post("/validate")
async def validate_definition(app: TheApp, who: Viewer, definition: RawDefinition) -> Valid:
    """Check a definition without saving it."""
    return Valid(definition=await _checked(app, who, definition))


@router.get("")
async def list_workflows(
    app: TheApp, who: Viewer, limit: Limit = 50, cursor: Cursor = None
) -> Page[WorkflowSummary]:
    """A page of the project's workflows, newest first."""
    found = await app.catalog.workflows(who.project, before=cursor, limit=limit + 1)
    items = [WorkflowSummary(**_summary(w)) for w in found]
    return Page[WorkflowSummary](**page_of(items, limit, lambda item: item.id))


@router.get("/{workflow_id}")
async def get_workflow(
    app: TheApp, who: Viewer, workflow_id: str, response: Response
) -> WorkflowDetail:
    """One workflow, by its id or its name."""
    return await _detail(app, who, await app.catalog.workflow(workflow_id, who.project), response)


@router.delete("/{workflow_id}", status_code=204)
async def delete_workflow(app: TheApp, who: Editor, workflow_id: str) -> None:
    """Delete a workflow: its triggers stop; its runs go on and stay."""
    workflow = await app.catalog.workflow(workflow_id, who.project)
    await app.catalog.delete(workflow.id, who.project)
    await _audit(app, who, "workflow.delete", workflow)


@router.post("/{workflow_id}/activate")
async def activate_workflow(
    app: TheApp, who: Operator, workflow_id: str, response: Response
) -> WorkflowDetail:
    """Let its triggers fire."""
    return await _activate(app, who, workflow_id, response, active=True)


@router.post("/{workflow_id}/deactivate")
async def deactivate_workflow(
    app: TheApp, who: Operator, workflow_id: str, response: Response
) -> WorkflowDetail:
    """Stop its triggers; runs that have started go on."""
    return await _activate(app, who, workflow_id, response, active=False)


@router.get("/{workflow_id}/versions")
async def list_versions(
    app: TheApp, who: Viewer, workflow_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[VersionSummary]:
    """A page of a workflow's versions, newest first."""
    workflow = await app.catalog.workflow(workflow_id, who.project)
    before = _number(cursor) if cursor is not None else None
    found = await app.catalog.versions(workflow.id, before=before, limit=limit + 1)
    items = [VersionSummary(**_version(v)) for v in found]
    return Page[VersionSummary](**page_of(items, limit, lambda item: str(item.version)))


@router.get("/{workflow_id}/versions/{number}")
async def get_version(
    app: TheApp, who: Viewer, workflow_id: str, number: VersionNumber
) -> VersionDetail:
    """One version of a workflow."""
    workflow = await app.catalog.workflow(workflow_id, who.project)
    version = await app.catalog.version(workflow.id, number)
    return VersionDetail(**_version(version), definition=version.definition)


async def _checked(app: App, who: Identity, definition: dict[str, Any]) -> dict[str, Any]:
    checked = app.engine.check(definition)
    await app.engine.check_callees(who.project, checked)
    await app.engine.check_credentials(who.project, checked)
    return checked


async def _activate(
    app: App, who: Identity, workflow_id: str, response: Response, *, active: bool
) -> WorkflowDetail:
    present = await app.catalog.workflow(workflow_id, who.project)
    workflow = await app.catalog.activate(present.id, who.project, active=active)
    await _audit(app, who, "workflow.activate" if active else "workflow.deactivate", workflow)
    return await _detail(app, who, workflow, response)


async def _audit(app: App, who: Identity, action: str, workflow: Workflow, **detail: Any) -> None:
    facts = {"version": workflow.version, **detail}
    await app.access.record(who.project, who.actor, action, workflow.id, facts)


async def _detail(
    app: App, who: Identity, workflow: Workflow, response: Response
) -> WorkflowDetail:
    response.headers["ETag"] = f'"{workflow.version}"'
    version = await app.catalog.version(workflow.id, workflow.version)
    # Whoever knows the URL can start runs, which a viewer may not.
    base = f"{app.settings.base_url}/hooks/" if who.role.includes(Role.OPERATOR) else None
    triggers = [_trigger(t, base) for t in await app.catalog.triggers(workflow.id)]
    return WorkflowDetail(**_summary(workflow), definition=version.definition, triggers=triggers)


def _summary(workflow: Workflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "version": workflow.version,
        "active": workflow.active,
        "created_at": to_text(workflow.created_at),
        "updated_at": to_text(workflow.updated_at),
    }


def _trigger(trigger: Trigger, base: str | None) -> TriggerDetail:
    due_at, error = trigger.due_at if trigger.type in TIMED else None, trigger.error
    fires = [] if due_at is None else next_due(trigger.type, trigger.config, due_at, SHOWN_FIRES)
    return TriggerDetail(
        id=trigger.id,
        type=trigger.type,
        url=base and trigger.token and base + trigger.token,
        next_fire_at=to_text(due_at),
        next_fires=[str(to_text(at)) for at in fires],
        last_fired_at=to_text(trigger.fired_at),
        failures=trigger.failures,
        error=error and TriggerError(**{**error, "at": str(to_text(error["at"]))}),
    )


def _version(version: Version) -> dict[str, Any]:
    return {
        "version": version.version,
        "created_at": to_text(version.created_at),
        "created_by": version.created_by,
    }


def _expected(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    if (match := re.fullmatch(r'\s*(?:W/)?"(\d{1,18})"\s*', if_match)) is None:
        raise InvalidInput([Problem("", 'If-Match: send the version as the ETag has it, "3"')])
    return int(match[1])


def _number(cursor: str) -> int:
    if not re.fullmatch(r"\d{1,18}", cursor):
        raise InvalidInput([Problem("", "cursor: not a cursor of this list")])
    return int(cursor)
