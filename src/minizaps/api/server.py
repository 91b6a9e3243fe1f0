"""The ASGI application: the API under /api/v1, hooks, health and metrics."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minizaps.api import (
    access,
    answers,
    callbacks,
    connectors,
    consents,
    credentials,
    dead_letters,
    events,
    health,
    problems,
    runs,
    workflows,
)
from minizaps.api.auth import Authenticator
from minizaps.api.bodies import BodyLimit
from minizaps.api.callbacks import Callbacks
from minizaps.api.consents import ConsentPage
from minizaps.api.hooks.description import describe
from minizaps.api.hooks.door import PREFIX as HOOKS
from minizaps.api.hooks.door import Hooks
from minizaps.app import App

ROUTERS = (workflows, runs, answers, events, dead_letters, connectors, credentials, access)
_SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


def create_server(app: App) -> ASGIApp:
    """The whole ASGI application of an open installation."""
    api = create_api()
    api.state.minizaps = app
    api.state.authenticator = Authenticator(app.access)
    doors = _Dispatch(
        api,
        (HOOKS, Hooks(app)),
        (callbacks.PREFIX, Callbacks(app)),
        (consents.PATH, ConsentPage(app)),
    )
    return BodyLimit(doors, app.settings.max_body_bytes)


def create_api() -> FastAPI:
    """The API's routes, whose OpenAPI description needs no open installation."""
    api = FastAPI(
        title="Mini-Zaps",
        version=version("minizaps"),
        description="Durable workflow automation. Errors are RFC 9457 problem details.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        redirect_slashes=False,  # behind a proxy, a redirect would lead from https to http
    )
    for module in ROUTERS:
        api.include_router(module.router, prefix="/api/v1", responses=problems.RESPONSES)
    api.include_router(health.router, responses=problems.UNAVAILABLE)
    problems.install(api)
    describe(api)
    return api


class _Dispatch:
    """Hooks and callbacks go their own ways; all other requests go to the API."""

    def __init__(self, api: FastAPI, *others: tuple[str, ASGIApp]) -> None:
        self._api = api
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for prefix, other in self._others:
                if scope["path"].startswith(prefix):
                    await other(scope, receive, send)
                    return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_SAFE_HEADERS]
            await send(message)

        await self._api(scope, receive, send_safely)
