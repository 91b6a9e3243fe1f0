"""Credentials: their fields go in, and no secret comes back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from minizaps.api.auth import Admin, Editor, Identity, TheApp, Viewer
from minizaps.api.bodies import StrictRoute
from minizaps.api.shapes import Cursor, Limit, Page, page_of
from minizaps.app import App
from minizaps.clock import to_text
from minizaps.definition.steps import CREDENTIAL_NAME
from minizaps.engine.credential_check import uses
from minizaps.errors import Conflict, ConnectorError, NotAllowed
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.journal.records import SealedCredential

router = APIRouter(tags=["credentials"], route_class=StrictRoute)

Fields = Annotated[
    dict[str, Any],
    Field(
        description="The type's fields; a text may refer to a secret of the server by `env:NAME` "
        "or `file:/path`."
    ),
]


class CredentialDetail(BaseModel):
    """A credential without its secrets.

    `secrets` names the secret fields that are set; `state` is `ready`, `unconnected` (nobody has
    agreed yet) or `revoked`; `problem` says why it cannot be used.
    """

    name: str
    type: str
    state: str
    problem: str | None
    data: dict[str, Any]
    secrets: list[str]
    token_expires_at: str | None
    created_at: str
    created_by: str
    updated_at: str


class NewCredential(BaseModel):
    """A credential to keep."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=CREDENTIAL_NAME)
    type: str
    data: Fields


class CredentialChange(BaseModel):
    """New fields; a secret one that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    data: Fields


class Tried(BaseModel):
    """Whether a credential is accepted, and what was tried or what is wrong."""

    ok: bool
    detail: str


class Consent(BaseModel):
    """Where a person agrees, in a browser, and until when."""

    url: str
    expires_at: str


class TypeDetail(BaseModel):
    """A type of credentials, with the JSON Schema of its fields; secret ones are `writeOnly`."""

    type: str
    description: str
    fields: dict[str, Any] = Field(serialization_alias="schema")


class Rotated(BaseModel):
    """How many credentials are encrypted under the present key now; the names of those that could
    not be decrypted, and need a key that is not there."""

    credentials: int
    unreadable: list[str]


@router.get("/credential-types")
async def list_credential_types(app: TheApp, who: Viewer) -> Page[TypeDetail]:
    """All types of credentials."""
    items = [
        TypeDetail(type=name, description=kind.description(), fields=kind.model_json_schema())
        for name, kind in app.vault.types.items()
    ]
    return Page[TypeDetail](items=items, next=None)


@router.get("/credentials")
async def list_credentials(
    app: TheApp, who: Viewer, limit: Limit = 50, cursor: Cursor = None
) -> Page[CredentialDetail]:
    """A page of the project's credentials, by their names."""
    found = await app.vault.page(who.project, after=cursor or "", limit=limit + 1)
    items = [_detail(app, row) for row in found]
    return Page[CredentialDetail](**page_of(items, limit, lambda item: item.name))


@router.post("/credentials", status_code=201)
async def create_credential(app: TheApp, who: Editor, new: NewCredential) -> CredentialDetail:
    """Keep a new credential, encrypted."""
    row = await app.vault.create(who.project, new.name, new.type, new.data, by=who.actor)
    await _audit(app, who, "credential.create", row)
    return _detail(app, row)


@router.get("/credentials/{name}")
async def get_credential(app: TheApp, who: Viewer, name: str) -> CredentialDetail:
    """One credential."""
    return _detail(app, await app.vault.get(who.project, name))


@router.put("/credentials/{name}")
async def revise_credential(
    app: TheApp, who: Editor, name: str, change: CredentialChange
) -> CredentialDetail:
    """Change a credential: steps that open it from now on get the new one."""
    row = await app.vault.revise(who.project, name, change.data)
    await _audit(app, who, "credential.revise", row)
    return _detail(app, row)


@router.delete("/credentials/{name}", status_code=204)
async def delete_credential(
    app: TheApp,
    who: Editor,
    name: str,
    force: Annotated[bool, Query(description="Also where a workflow uses it.")] = False,
) -> None:
    """Delete a credential that no workflow uses."""
    await app.vault.get(who.project, name)
    if not force and (users := await _users(app, who, name)):
        raise Conflict(
            f"the credential is used by {', '.join(users)}: change them first, or delete it with "
            "`force`, and their runs fail"
        )
    row = await app.vault.delete(who.project, name)
    await _audit(app, who, "credential.delete", row)


@router.post("/credentials/{name}/test")
async def try_credential(app: TheApp, who: Editor, name: str) -> Tried:
    """Find out whether a credential is accepted, without an effect where that is possible."""
    row = await app.vault.get(who.project, name)
    try:
        detail = await app.engine.try_credential(who.project, name, row.type)
    except ConnectorError as error:
        return Tried(ok=False, detail=str(error))
    return Tried(ok=True, detail=detail)


@router.post("/credentials/{name}/authorize")
async def authorize_credential(app: TheApp, who: Editor, name: str) -> Consent:
    """Ask for a person's consent to an `oauth2` credential: they open the URL in a browser."""
    asked = await app.consents.ask(who.project, name)
    row = await app.vault.get(who.project, name)
    await _audit(app, who, "credential.authorize", row)
    return Consent(url=asked.url, expires_at=to_text(asked.until) or "")


@router.post("/keys/rotate")
async def rotate_keys(app: TheApp, who: Admin) -> Rotated:
    """Encrypt all credentials under the first secret key; one in the data folder is renewed."""
    if who.project != DEFAULT_PROJECT:
        raise NotAllowed("only admin keys of the project 'default' rotate the secret key")
    resealed = await app.rotate_keys()
    await app.access.record(who.project, who.actor, "keys.rotate", "secret key")
    return Rotated(credentials=resealed.done, unreadable=resealed.left)


async def _users(app: App, who: Identity, name: str) -> list[str]:
    """The names of the workflows that use a credential."""
    takes = app.engine.takes()
    return [
        workflow
        for workflow, definition in await app.catalog.definitions(who.project)
        if any(use.name == name for use in uses(definition, takes))
    ]


async def _audit(app: App, who: Identity, action: str, row: SealedCredential) -> None:
    facts = {"name": row.name, "type": row.type}
    await app.access.record(who.project, who.actor, action, row.id, facts)


def _detail(app: App, row: SealedCredential) -> CredentialDetail:
    shown = app.vault.shown(row)
    row = shown.row
    return CredentialDetail(
        name=row.name,
        type=row.type,
        state=row.state,
        problem=row.problem,
        data=shown.fields,
        secrets=shown.secrets,
        token_expires_at=to_text(row.expires_at),
        created_at=to_text(row.created_at) or "",
        created_by=row.created_by,
        updated_at=to_text(row.updated_at) or "",
    )
