"""Credentials as they are kept; what is secret in them is encrypted before it comes here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound
from minizaps.ids import uuid7
from minizaps.journal.database import Database, Transaction
from minizaps.journal.records import SealedCredential

T = TypeVar("T")
READY, UNCONNECTED, REVOKED = "ready", "unconnected", "revoked"


class Credentials:
    """Keeps the credentials of all projects.

    A write that depends on what was read gives the revision that it has read, or the lease under
    which it works; if that is over, it changes nothing and answers False.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    async def add(
        self, credential_id: str, project: str, name: str, kind: str, *, sealed: str, state: str,
        by: str,
    ) -> SealedCredential:  # fmt: skip
        """Add a credential.

        Raises:
            Conflict: the project has one of that name.
        """
        now = self._clock.now()

        async def operation(tx: Transaction) -> SealedCredential:
            if await tx.rows("credential", project, name):
                raise Conflict(f"a credential named {name!r} exists")
            row = (credential_id, project, name, kind, sealed, state, now, by)
            await tx.execute("insert_credential", *row)
            (added,) = await tx.rows("credential", project, name)
            return SealedCredential(*added)

        return await self._db.write(operation)

    async def revise(self, present: SealedCredential, sealed: str, state: str) -> bool:
        """Put new fields in the place of the old ones; what it was given for a time is gone."""
        row = (sealed, state, self._clock.now(), present.id, present.revision)
        return await self._changed("revise_credential", *row)

    async def delete(self, credential_id: str) -> None:
        """Delete a credential."""
        await self._write(lambda tx: tx.execute("delete_credential", credential_id))

    async def get(self, project: str, name: str) -> SealedCredential:
        """One credential.

        Raises:
            NotFound: the project has none of that name.
        """
        for row in await self._db.rows("credential", project, name):
            return SealedCredential(*row)
        raise NotFound(f"there is no credential {name!r}")

    async def by_id(self, credential_id: str) -> SealedCredential | None:
        """The credential of an id, of whatever project."""
        for row in await self._db.rows("credential_by_id", credential_id):
            return SealedCredential(*row)
        return None

    async def page(self, project: str, *, after: str, limit: int) -> list[SealedCredential]:
        """A page of a project's credentials, by their names."""
        rows = await self._db.rows("credentials", project, after, limit)
        return [SealedCredential(*row) for row in rows]

    async def all(self, *, after: str, limit: int) -> list[SealedCredential]:
        """A page of all projects' credentials, by their ids."""
        rows = await self._db.rows("all_credentials", after, limit)
        return [SealedCredential(*row) for row in rows]

    async def lease(self, present: SealedCredential, seconds: float) -> str | None:
        """Take the right to renew its token; None where another has it, or it has changed."""
        now = self._clock.now()
        lease, until = uuid7(), now + int(seconds * 1000)
        row = (lease, until, present.id, present.revision, now)
        return lease if await self._changed("lease_credential", *row) else None

    async def keep_token(
        self, credential_id: str, lease: str, token: str, expires_at: int | None
    ) -> bool:
        """Keep a new token, and give the lease back."""
        return await self._changed("keep_token", token, expires_at, credential_id, lease)

    async def mark(self, credential_id: str, lease: str, state: str, problem: str) -> bool:
        """Say why no token can be had, and give the lease back."""
        return await self._changed("mark_credential", state, problem, credential_id, lease)

    async def expire(self, present: SealedCredential) -> bool:
        """Its token is not to be used any more."""
        return await self._changed("expire_token", present.id, present.revision)

    async def ask_consent(self, credential_id: str, pending: str) -> None:
        """A person is asked; a question that was open before is closed."""
        await self._write(lambda tx: tx.execute("ask_consent", pending, credential_id))

    async def take_consent(self, present: SealedCredential) -> bool:
        """Close the open question, once: what answers it afterwards is too late."""
        return await self._changed("take_consent", present.id, present.pending)

    async def put_token(self, credential_id: str, token: str, expires_at: int | None) -> bool:
        """Keep the token of a new consent, whatever there was; False if it was deleted."""
        return await self._changed("put_token", token, expires_at, credential_id)

    async def note(self, credential_id: str, problem: str) -> None:
        """Say what went wrong; nothing else is changed."""
        await self._write(lambda tx: tx.execute("note_problem", problem, credential_id))

    async def reseal(
        self, present: SealedCredential, sealed: str, token: str | None, pending: str | None
    ) -> bool:
        """Keep the same, encrypted anew."""
        row = (sealed, token, pending, present.id, present.revision)
        return await self._changed("reseal_credential", *row)

    async def _changed(self, query: str, *values: object) -> bool:
        return await self._write(lambda tx: tx.value(query, *values)) is not None

    async def _write(self, operation: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._db.write(operation)
