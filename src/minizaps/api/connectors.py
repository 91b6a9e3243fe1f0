"""What a workflow can be made of: the connectors and the definition's schema."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from minizaps.api.auth import TheApp, Viewer
from minizaps.api.shapes import Page

router = APIRouter(tags=["connectors"])


class ConnectorDetail(BaseModel):
    """A step type."""

    type: str
    title: str
    description: str
    config_schema: dict[str, Any]
    credential: list[str]
    credential_required: bool
    idempotent: bool
    pure: bool


@router.get("/connectors")
async def list_connectors(app: TheApp, who: Viewer) -> Page[ConnectorDetail]:
    """All step types, with the JSON Schema of their `config`."""
    items = [
        ConnectorDetail(
            type=kind,
            title=kind.replace("_", " ").title(),
            description=connector.description(),
            config_schema=model.model_json_schema(),
            credential=[kind.type for kind in connector.credential],
            credential_required=connector.credential_required,
            idempotent=connector.idempotent,
            pure=connector.pure,
        )
        for kind, (connector, model) in app.engine.CONNECTOR_MAP.items()
    ]
    return Page[ConnectorDetail](items=items, next=None)


@router.get("/schema")
async def get_schema(app: TheApp, who: Viewer) -> dict[str, Any]:
    """The definition format as JSON Schema 2020-12."""
    return app.engine.schema()
