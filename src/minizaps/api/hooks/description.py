"""Hooks, callbacks and problems in the OpenAPI description, which has routes only by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from minizaps.api import callbacks
from minizaps.api.problems import RESPONSES, schemas

_STARTED = {
    "type": "object",
    "properties": {"run_id": {"type": "string"}},
    "required": ["run_id"],
}
_BODIES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/xml",
    "text/plain",
    "application/octet-stream",
)
_OPERATION: dict[str, Any] = {
    "tags": ["hooks"],
    "summary": "Start a run",
    "description": "The methods that the trigger allows: GET, POST, PUT, PATCH and DELETE, unless "
    "it names some; HEAD and OPTIONS are answered and start nothing. Any body: JSON, a form, "
    "files, text, XML, other bytes; with `Content-Encoding` gzip or deflate too. No API key: the "
    "token in the URL is the secret; a trigger with a `secret` takes signed calls only. A "
    "delivery that is repeated is answered with the same run. The trigger may lay down an answer "
    "of its own, in place of 202.",
    "parameters": [
        {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}},
        *(
            {"name": name, "in": "header", "schema": {"type": "string"}}
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ),
    ],
    "requestBody": {"content": {kind: {} for kind in _BODIES}},
    "responses": {
        "202": {
            "description": "The run is on disk",
            "content": {"application/json": {"schema": _STARTED}},
        },
        "default": {"description": "The answer that the trigger has laid down"},
        "500": {
            **RESPONSES["4XX"],
            "description": "The run that the trigger waits for has failed",
        },
        **{str(status): answer for status, answer in RESPONSES.items()},
    },
}


def describe(api: FastAPI) -> None:
    """Put hooks, callbacks and problems into the OpenAPI description."""
    routes = api.openapi

    def openapi() -> dict[str, Any]:
        description = routes()
        description["paths"]["/hooks/{token}"] = {"post": _OPERATION}
        description["paths"]["/callbacks/{token}"] = callbacks.OPERATIONS
        description["components"]["schemas"] |= schemas()
        return description

    api.openapi = openapi  # type: ignore[method-assign]
