"""The command line's way to the API: a server's, or this process's own on the data folder."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import httpx
import typer
from starlette.types import ASGIApp, Receive, Scope, Send

from minizaps.api.auth import LOCAL
from minizaps.api.server import create_server
from minizaps.app import open_app
from minizaps.settings import load_settings

T = TypeVar("T")
PREFIX = "/api/v1"


class Failed(Exception):
    """The API refused; the message is for the person at the terminal."""


class Client:
    """Calls the API; a refusal is `Failed`, with all that the answer says."""

    def __init__(self, http: httpx.AsyncClient, *, local: bool) -> None:
        self._http = http
        self.local = local

    async def get(self, path: str, **query: Any) -> Any:
        """GET, with the query parameters that are not None."""
        chosen = {k: v for k, v in query.items() if v is not None}
        return await self._call("GET", path, params=chosen)

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST a JSON body."""
        chosen = {k: v for k, v in query.items() if v is not None}
        return await self._call("POST", path, json=body, params=chosen)

    async def put(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        """PUT a JSON body."""
        return await self._call("PUT", path, json=body, headers=headers)

    async def delete(self, path: str) -> Any:
        """DELETE."""
        return await self._call("DELETE", path)

    async def _call(self, method: str, path: str, **kwargs: Any) -> Any:
        try:
            response = await self._http.request(method, PREFIX + path, **kwargs)
        except httpx.HTTPError as error:
            raise Failed(f"cannot reach {self._http.base_url}: {error}") from None
        if response.is_success:
            return response.json() if response.content else None
        try:
            problem = response.json()
        except ValueError:
            raise Failed(f"the server answered {response.status_code}, not as Mini-Zaps") from None
        lines = [f"{e['pointer'] or '/'}: {e['detail']}" for e in problem.get("errors", [])]
        raise Failed("\n".join([problem["title"] + ":", *lines] if lines else [problem["detail"]]))


@asynccontextmanager
async def connect(*, create: bool = False) -> AsyncIterator[Client]:
    """A client of the server at MINIZAPS_URL, else of the local data folder.

    Args:
        create: whether a data folder is made where there is none.
    """
    url = os.environ.get("MINIZAPS_URL")
    if url:
        key = os.environ.get("MINIZAPS_API_KEY")
        if not key:
            raise Failed("MINIZAPS_URL is set, but MINIZAPS_API_KEY is not: set it to an API key")
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=70) as http:
            yield Client(http, local=False)
        return
    settings = load_settings()
    path = settings.database_path
    if not create and path is not None and not path.exists():
        raise Failed(
            f"there is no Mini-Zaps data at {path}: start a server here "
            "(minizaps serve), or set MINIZAPS_DATA_DIR or MINIZAPS_URL"
        )
    async with open_app(settings, worker=False) as app:
        transport = httpx.ASGITransport(as_local(create_server(app)))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://local", timeout=70
        ) as http:
            yield Client(http, local=True)


def path_of(collection: str, name: str) -> str:
    """The path of one thing; its name may hold any character."""
    return f"/{collection}/{quote(name, safe='')}"


def as_local(server: ASGIApp) -> ASGIApp:
    """Whoever can write the data folder may do everything."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await server({**scope, "minizaps.identity": LOCAL}, receive, send)

    return call


def run(action: Callable[[Client], Awaitable[T]], *, create: bool = False) -> T:
    """Run a command's calls."""

    async def connected() -> T:
        async with connect(create=create) as client:
            return await action(client)

    return asyncio.run(connected())


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message for a person."""
    sys.stderr.write(f"minizaps: {message}\n")
    raise typer.Exit(code)
