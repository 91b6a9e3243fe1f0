"""A service on a local server: notes the requests, and answers what it is told."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from aiohttp import web


class Call(NamedTuple):
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Service:
    """Gives the next of `answers`, each a status, a body and headers; the last one for good."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[tuple[int, Any, dict[str, str]]] = [(200, {}, {})]

    def answers_with(self, status: int, body: Any, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers = [(status, body, named)]

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.calls.append(
            Call(
                request.method,
                request.raw_path.partition("?")[0],
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                json.loads(text) if text else None,
            )
        )
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=headers)
        return web.json_response(body, status=status, headers=headers)
