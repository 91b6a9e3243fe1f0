"""Projects, API keys and the audit log."""

from __future__ import annotations

from typing import Any

import orjson

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound
from minizaps.ids import uuid7
from minizaps.journal.database import Database, Transaction
from minizaps.journal.records import AuditEntry, Key, Project
from minizaps.journal.rows import dump

DEFAULT_PROJECT = "default"
ALL = 1_000_000


class Access:
    """Keeps who may do what, and who did what."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self.revision = 0

    async def create_project(self, name: str) -> Project:
        """Add a project.

        Raises:
            Conflict: the name is taken.
        """
        # The default project's id is its name: it exists before any other.
        project = Project(name if name == DEFAULT_PROJECT else uuid7(), name, self._clock.now())

        async def operation(tx: Transaction) -> Project:
            if await tx.value("project_named", name) is not None:
                raise Conflict(f"a project named {name!r} exists")
            await tx.execute("insert_project", project.id, name, project.created_at)
            return project

        return await self._db.write(operation)

    async def projects(self, *, after: str = "", limit: int = ALL) -> list[Project]:
        """A page of projects; all of them by default."""
        return [Project(*row) for row in await self._db.rows("projects", after, limit)]

    async def delete_project(self, project_id: str) -> None:
        """Delete an empty project with its keys and credentials.

        Raises:
            NotFound, Conflict: there is none such; it has workflows or runs, or is the default.
        """

        async def operation(tx: Transaction) -> None:
            if project_id == DEFAULT_PROJECT:
                raise Conflict("the default project cannot be deleted")
            if await tx.value("project", project_id) is None:
                raise NotFound(f"there is no project {project_id}")
            if await tx.value("project_in_use", project_id) != 0:
                raise Conflict("the project still has workflows or runs")
            for kind in ("versions", "triggers", "items", "workflows", "keys", "credentials"):
                await tx.execute(f"delete_{kind}_of", project_id)
            await tx.execute("delete_project", project_id)

        await self._db.write(operation)
        self.revision += 1

    async def create_key(self, key: Key) -> None:
        """Add a key.

        Raises:
            NotFound: there is no such project.
        """

        async def operation(tx: Transaction) -> None:
            if await tx.value("project", key.project) is None:
                raise NotFound(f"there is no project {key.project}")
            await tx.execute("insert_key", *_row(key))

        await self._db.write(operation)

    async def key_by_prefix(self, prefix: str) -> Key | None:
        """The key with that public prefix."""
        for row in await self._db.rows("key_by_prefix", prefix):
            return Key(*row)
        return None

    async def keys(self, project: str, *, after: str = "", limit: int) -> list[Key]:
        """A page of a project's keys."""
        return [Key(*row) for row in await self._db.rows("keys", project, after, limit)]

    async def delete_key(self, key_id: str, project: str) -> None:
        """Delete a key: it is refused from now on.

        Raises:
            NotFound, Conflict: there is none such; it is the default project's last admin.
        """

        async def operation(tx: Transaction) -> None:
            role = await tx.value("key", key_id, project)
            if role is None:
                raise NotFound(f"there is no key {key_id}")
            others = await tx.value("other_admins", project, key_id)
            if role == "admin" and project == DEFAULT_PROJECT and not others:
                raise Conflict("this is the last admin key: make another one first")
            await tx.execute("delete_key", key_id, project)

        await self._db.write(operation)
        self.revision += 1

    async def has_admin(self) -> bool:
        """Whether the default project has an admin key."""
        ((admins,),) = await self._db.rows("admins", DEFAULT_PROJECT)
        return bool(admins)

    async def create_first_admin(self, key: Key) -> bool:
        """Add the default project's first admin key; False, and nothing added, if it has one."""

        async def operation(tx: Transaction) -> bool:
            if await tx.value("admins", DEFAULT_PROJECT):
                return False
            await tx.execute("insert_key", *_row(key))
            return True

        return await self._db.write(operation)

    async def record(
        self,
        project: str,
        actor: str,
        action: str,
        target: str,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Add a line to the audit log, which only ever grows."""
        now = self._clock.now()
        row = (uuid7(), now, project, actor, action, target, dump(detail))

        async def operation(tx: Transaction) -> None:
            await tx.execute("insert_audit", *row)

        await self._db.write(operation)

    async def audit(
        self, project: str, *, before: str | None = None, limit: int
    ) -> list[AuditEntry]:
        """A page of the audit log, newest first."""
        rows = await self._db.rows("audit", project, before or "~", limit)
        return [
            AuditEntry(entry_id, at, actor, action, target, detail and orjson.loads(detail))
            for entry_id, at, actor, action, target, detail in rows
        ]


def _row(key: Key) -> tuple[object, ...]:
    who = (key.id, key.project, key.name, key.role)
    return (*who, key.prefix, key.hash, key.created_at, key.created_by)
