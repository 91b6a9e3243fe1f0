"""API keys and roles: who is asking, and may they?"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from minizaps.api.problems import HttpProblem
from minizaps.app import App
from minizaps.clock import Clock
from minizaps.errors import NotAllowed
from minizaps.ids import token, uuid7
from minizaps.journal.access import DEFAULT_PROJECT, Access
from minizaps.journal.records import Key

MARK = "mz_"
PREFIX_LENGTH = 11
REMEMBERED = 1.0  # seconds that a key found in the database is believed without another look
BAD_KEYS = 20
BAD_KEYS_WINDOW = 60.0
MOST_ADDRESSES = 10_000


class Role(StrEnum):
    """What a key may do; each role may do all that those before it may."""

    VIEWER = "viewer"  # look at everything but keys and the audit log
    OPERATOR = "operator"  # start, cancel, replay and discard runs; activate workflows
    EDITOR = "editor"  # create, change and delete workflows
    ADMIN = "admin"  # manage keys, read the audit log; in `default`: manage projects

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(other)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking."""

    actor: str
    project: str
    role: Role


LOCAL = Identity("local", DEFAULT_PROJECT, Role.ADMIN)


def new_key(project: str, name: str, role: Role, *, by: str, clock: Clock) -> tuple[str, Key]:
    """A new API key: the secret, which is shown once, and what is kept of it."""
    secret = MARK + token()
    key = Key(
        uuid7(), project, name, role, secret[:PREFIX_LENGTH], _digest(secret), clock.now(), by
    )
    return secret, key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Authenticator:
    """Finds who is asking by the API key of a request."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._known: dict[str, tuple[Key | None, float, int]] = {}
        self._bad: dict[str, deque[float]] = {}

    async def identify(self, request: Request) -> Identity:
        """Who is asking.

        Raises:
            HttpProblem: 401 without a good key; 429 after 20 bad ones in a minute.
        """
        # Set by the command line, in the same process, or by an earlier look; not by a request.
        known: Identity | None = request.scope.get("minizaps.identity")
        if known is not None:
            return known
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise _unauthorized("send an API key: Authorization: Bearer mz_...")
        key = await self._find(secret.strip())
        if key is None:
            address = request.client.host if request.client else ""
            self._refuse_flood(address)
            self._note_bad(address)
            raise _unauthorized("the API key is not known")
        return Identity(f"key:{key.name}", key.project, Role(key.role))

    async def _find(self, secret: str) -> Key | None:
        prefix = secret[:PREFIX_LENGTH]
        key, at, revision = self._known.get(prefix, (None, 0.0, -1))
        if time.monotonic() - at > REMEMBERED or revision != self._access.revision:
            revision = self._access.revision
            key = await self._access.key_by_prefix(prefix)
            if len(self._known) > MOST_ADDRESSES:
                self._known.clear()
            self._known[prefix] = (key, time.monotonic(), revision)
        # Compared even where no key was found, so that both take the same time.
        expected = key.hash if key else _digest("")
        return key if hmac.compare_digest(_digest(secret), expected) else None

    def _refuse_flood(self, address: str) -> None:
        times = self._bad.get(address, ())
        recent = [t for t in times if time.monotonic() - t < BAD_KEYS_WINDOW]
        if len(recent) >= BAD_KEYS:
            wait = str(int(BAD_KEYS_WINDOW - (time.monotonic() - recent[0])) + 1)
            detail = f"too many unknown API keys from this address: wait {wait} s"
            raise HttpProblem(429, "Too many bad keys", detail, {"Retry-After": wait})

    def _note_bad(self, address: str) -> None:
        if address not in self._bad and len(self._bad) >= MOST_ADDRESSES:
            self._bad.pop(next(iter(self._bad)))
        self._bad.setdefault(address, deque(maxlen=BAD_KEYS)).append(time.monotonic())


def _unauthorized(detail: str) -> HttpProblem:
    return HttpProblem(401, "Not authenticated", detail, {"WWW-Authenticate": "Bearer"})


_bearer = HTTPBearer(auto_error=False, description="An API key: `mz_...`")


def _require(role: Role) -> Callable[..., Awaitable[Identity]]:
    async def identity(request: Request, _: Annotated[object, Depends(_bearer)]) -> Identity:
        found: Identity = await request.app.state.authenticator.identify(request)
        if not found.role.includes(role):
            raise NotAllowed(f"this needs the role {role}; the key has {found.role}")
        return found

    return identity


def _app(request: Request) -> App:
    app: App = request.app.state.minizaps
    return app


Viewer = Annotated[Identity, Depends(_require(Role.VIEWER))]
Operator = Annotated[Identity, Depends(_require(Role.OPERATOR))]
Editor = Annotated[Identity, Depends(_require(Role.EDITOR))]
Admin = Annotated[Identity, Depends(_require(Role.ADMIN))]
TheApp = Annotated[App, Depends(_app)]
