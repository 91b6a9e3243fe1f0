"""Keys, projects and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from minizaps.api.auth import Admin, Identity, Role, TheApp, new_key
from minizaps.api.bodies import StrictRoute
from minizaps.api.shapes import Cursor, Limit, Page, page_of
from minizaps.clock import to_text
from minizaps.errors import NotAllowed
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.journal.records import Key

router = APIRouter(tags=["access"], route_class=StrictRoute)

Name = Annotated[str, Field(min_length=1, max_length=100)]


class KeySummary(BaseModel):
    """A key, without its secret."""

    id: str
    project: str
    name: str
    role: Role
    prefix: str
    created_at: str
    created_by: str


class NewKey(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    role: Role
    project: str | None = Field(
        default=None, description="Another project's id; for admins of `default` only."
    )


class KeyWithSecret(KeySummary):
    """A new key; its secret is shown this once."""

    key: str


class ProjectDetail(BaseModel):
    """A project."""

    id: str
    name: str
    created_at: str


class NewProject(BaseModel):
    """A project to make."""

    model_config = ConfigDict(extra="forbid")
    name: Name


class AuditLine(BaseModel):
    """Who changed what."""

    id: str
    at: str
    actor: str
    action: str
    target: str
    detail: dict[str, Any] | None


@router.get("/keys")
async def list_keys(
    app: TheApp, who: Admin, limit: Limit = 50, cursor: Cursor = None
) -> Page[KeySummary]:
    """A page of the project's keys, oldest first."""
    found = await app.access.keys(who.project, after=cursor or "", limit=limit + 1)
    items = [KeySummary(**_key(key)) for key in found]
    return Page[KeySummary](**page_of(items, limit, lambda item: item.id))


@router.post("/keys", status_code=201)
async def create_key(app: TheApp, who: Admin, new: NewKey) -> KeyWithSecret:
    """Make a key. The answer is the only place where it is shown."""
    project = new.project or who.project
    if project != who.project:
        _require_default(who)
    secret, key = new_key(project, new.name, new.role, by=who.actor, clock=app.clock)
    await app.access.create_key(key)
    facts = {"name": new.name, "role": new.role, "project": project}
    await app.access.record(who.project, who.actor, "key.create", key.id, facts)
    return KeyWithSecret(**_key(key), key=secret)


@router.delete("/keys/{key_id}", status_code=204)
async def delete_key(app: TheApp, who: Admin, key_id: str) -> None:
    """Delete a key: it is refused from now on."""
    await app.access.delete_key(key_id, who.project)
    await app.access.record(who.project, who.actor, "key.delete", key_id)


@router.get("/projects")
async def list_projects(
    app: TheApp, who: Admin, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProjectDetail]:
    """A page of all projects."""
    _require_default(who)
    found = await app.access.projects(after=cursor or "", limit=limit + 1)
    items = [
        ProjectDetail(id=p.id, name=p.name, created_at=to_text(p.created_at) or "") for p in found
    ]
    return Page[ProjectDetail](**page_of(items, limit, lambda item: item.id))


@router.post("/projects", status_code=201)
async def create_project(app: TheApp, who: Admin, new: NewProject) -> ProjectDetail:
    """Make a project; then make keys for it."""
    _require_default(who)
    made = await app.access.create_project(new.name)
    await app.access.record(who.project, who.actor, "project.create", made.id, {"name": made.name})
    return ProjectDetail(id=made.id, name=made.name, created_at=to_text(made.created_at) or "")


@router.delete("/projects/{project_id}", status_code=204)
async def delete_project(app: TheApp, who: Admin, project_id: str) -> None:
    """Delete an empty project with its keys."""
    _require_default(who)
    await app.access.delete_project(project_id)
    await app.access.record(who.project, who.actor, "project.delete", project_id)


@router.get("/audit")
async def list_audit(
    app: TheApp, who: Admin, limit: Limit = 50, cursor: Cursor = None
) -> Page[AuditLine]:
    """A page of the project's audit log, newest first."""
    found = await app.access.audit(who.project, before=cursor, limit=limit + 1)
    items = [
        AuditLine(
            id=e.id,
            at=to_text(e.at) or "",
            actor=e.actor,
            action=e.action,
            target=e.target,
            detail=e.detail,
        )
        for e in found
    ]
    return Page[AuditLine](**page_of(items, limit, lambda item: item.id))


def _require_default(who: Identity) -> None:
    if who.project != DEFAULT_PROJECT:
        raise NotAllowed("only admin keys of the project 'default' manage projects")


def _key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "project": key.project,
        "name": key.name,
        "role": key.role,
        "prefix": key.prefix,
        "created_at": to_text(key.created_at),
        "created_by": key.created_by,
    }
