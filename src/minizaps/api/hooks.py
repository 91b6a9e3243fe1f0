"""Inbound hooks: the hot path, plain ASGI beside the API."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from minizaps.api import callbacks
from minizaps.api.problems import RESPONSES, HttpProblem, problem_of, schemas
from minizaps.app import App
from minizaps.definition.strict_json import parse_json
from minizaps.errors import NotFound
from minizaps.journal.records import Hook, Idempotency

PREFIX = "/hooks/"
REMEMBERED = 1.0  # seconds that a token's lead is believed without another look
MOST_REMEMBERED = 10_000
LONGEST_TOKEN = 64
_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
MOST_FIELDS = 1000
_TEXTUAL = ("application/xml", "application/octet-stream")
_HIDDEN = frozenset({"authorization", "cookie", "proxy-authorization"})


def describe(api: FastAPI) -> None:
    """Put hooks, callbacks and problems into the OpenAPI description, which has routes only."""
    routes = api.openapi
    operation = {
        "tags": ["hooks"],
        "summary": "Start a run",
        "description": "Any method. The body is JSON, a form or text. No API key: the token in "
        "the URL is the secret. The same `webhook-id` and body give the same run.",
        "parameters": [
            {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "webhook-id", "in": "header", "schema": {"type": "string"}},
        ],
        "requestBody": {"content": {"application/json": {}, "text/plain": {}}},
        "responses": {
            "202": {
                "description": "The run is on disk",
                "content": {"application/json": {"schema": _STARTED}},
            },
            **{str(status): answer for status, answer in RESPONSES.items()},
        },
    }

    def openapi() -> dict[str, Any]:
        description = routes()
        description["paths"]["/hooks/{token}"] = {"post": operation}
        description["paths"]["/callbacks/{token}"] = callbacks.OPERATIONS
        description["components"]["schemas"] |= schemas()
        return description

    api.openapi = openapi  # type: ignore[method-assign]


_STARTED = {
    "type": "object",
    "properties": {"run_id": {"type": "string"}},
    "required": ["run_id"],
}


class Hooks:
    """Starts a run for each call of a hook's URL, and answers once it is on disk."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: OrderedDict[str, tuple[Hook | None, float, int]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            run_id = await self._start(scope, receive)
        except Exception as error:
            await problem_of(error)(scope, receive, send)
            return
        body = b'{"run_id":"%s"}\n' % run_id.encode()
        headers = [*_HEADERS, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _start(self, scope: Scope, receive: Receive) -> str:
        hook = await self._find(scope["path"][len(PREFIX) :])
        if hook is None:
            raise NotFound("no active workflow has this hook")
        raw = await _read(receive)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        trigger = {
            "id": hook.trigger_id,
            "type": "webhook",
            "body": _parse(raw, headers.get("content-type", "")),
            "headers": {k: v for k, v in headers.items() if k not in _HIDDEN},
            "query": _fields(query) if query else {},
        }
        new = await self._app.engine.prepare(
            hook.project,
            hook.workflow_id,
            hook.version,
            trigger,
            idempotency=_idempotency(hook, headers, raw),
        )
        return (await self._app.start(new)).run_id

    async def _find(self, token: str) -> Hook | None:
        if len(token) > LONGEST_TOKEN:
            return None
        revision = self._app.catalog.revision
        hook, at, known_revision = self._known.get(token, (None, 0.0, -1))
        if time.monotonic() - at > REMEMBERED or revision != known_revision:
            hook = await self._app.catalog.hook(token)
            self._known[token] = (hook, time.monotonic(), revision)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return hook


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _parse(raw: bytes, content_type: str) -> Any:
    """The body as data: JSON, a form's fields, or text."""
    if not raw:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if not kind or kind == "application/json" or kind.endswith("+json"):
        return parse_json(raw)
    form = kind == "application/x-www-form-urlencoded"
    if not form and not kind.startswith("text/") and kind not in _TEXTUAL:
        detail = f"send JSON, a form or text, not {kind[:100]}"
        raise HttpProblem(415, "Unsupported media type", detail)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _bad_request(f"the body is not UTF-8: {error}") from None
    return _fields(text) if form else _clean(text)


def _fields(query: str) -> dict[str, str | list[str]]:
    """A form's fields; one that repeats is a list."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise _bad_request(f"a form or a query has {MOST_FIELDS} fields at most") from None
    fields: dict[str, str | list[str]] = {}
    for name, value in pairs:
        present = fields.get(_clean(name))
        if present is None:
            fields[name] = _clean(value)
        else:
            fields[name] = [*([present] if isinstance(present, str) else present), _clean(value)]
    return fields


def _clean(text: str) -> str:
    if "\0" in text:
        raise _bad_request("the character NUL is not allowed")
    return text


def _bad_request(detail: str) -> HttpProblem:
    return HttpProblem(400, "Bad request", detail)


def _idempotency(hook: Hook, headers: dict[str, str], raw: bytes) -> Idempotency | None:
    key = headers.get("webhook-id") or headers.get("idempotency-key")
    if not key:
        return None
    if len(key) > 255:
        raise _bad_request("webhook-id: 255 characters at most")
    scope = f"hook:{hook.workflow_id}:{hook.trigger_id}"
    return Idempotency(scope, key, hashlib.sha256(raw).hexdigest())
