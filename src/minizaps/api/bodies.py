"""Request bodies: strict JSON, within the size limit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minizaps.api.problems import BodyInvalid, HttpProblem, problem_of
from minizaps.definition.strict_json import parse_document
from minizaps.errors import JsonInvalid, LimitExceeded


class StrictRequest(Request):
    """A request whose JSON is refused where others would read it differently."""

    async def json(self) -> Any:
        try:
            return parse_document(await self.body())
        except JsonInvalid as error:
            raise BodyInvalid(error) from None


class StrictRoute(APIRoute):
    """A route that reads its body as `StrictRequest`, once it knows who sends it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            authenticator = request.app.state.authenticator
            request.scope["minizaps.identity"] = await authenticator.identify(request)
            strict = StrictRequest(request.scope, request.receive)
            kind = strict.headers.get("content-type", "application/json")
            # Read here, because the framework takes every error of reading for bad JSON.
            if await strict.body() and kind.partition(";")[0].strip().lower() != "application/json":
                detail = f"send JSON with Content-Type: application/json, not {kind[:100]}"
                raise HttpProblem(415, "Unsupported media type", detail)
            return await handler(strict)

        return handle


class BodyLimit:
    """Refuses request bodies over a limit, announced or not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if int(announced) > self._limit:
            await problem_of(self._too_large())(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> LimitExceeded:
        return LimitExceeded(f"a request body has {self._limit} bytes at most", limit="body")
