"""Projects, API keys and the audit log."""

from __future__ import annotations

from typing import Any

import apsw
import orjson

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound
from minizaps.ids import uuid7
from minizaps.journal.database import Database
from minizaps.journal.records import AuditEntry, Key, Project
from minizaps.journal.rows import dump

DEFAULT_PROJECT = "default"


class Access:
    """Keeps who may do what, and who did what."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._q = database.queries
        self._clock = clock
        self.revision = 0

    async def create_project(self, name: str) -> Project:
        """Add a project.

        Raises:
            Conflict: the name is taken.
        """
        # The default project's id is its name: it exists before any other.
        project = Project(name if name == DEFAULT_PROJECT else uuid7(), name, self._clock.now())

        def operation(db: apsw.Connection) -> Project:
            if db.execute(self._q["project_named"], (name,)).get is not None:
                raise Conflict(f"a project named {name!r} exists")
            db.execute(self._q["insert_project"], (project.id, name, project.created_at))
            return project

        return await self._db.write(operation)

    async def projects(self, *, after: str = "", limit: int = -1) -> list[Project]:
        """A page of projects; all of them by default."""
        return [Project(*row) for row in await self._db.rows("projects", after, limit)]

    async def delete_project(self, project_id: str) -> None:
        """Delete an empty project with its keys.

        Raises:
            NotFound, Conflict: there is none such; it has workflows or runs, or is the default.
        """

        def operation(db: apsw.Connection) -> None:
            if project_id == DEFAULT_PROJECT:
                raise Conflict("the default project cannot be deleted")
            if db.execute(self._q["project"], (project_id,)).get is None:
                raise NotFound(f"there is no project {project_id}")
            if db.execute(self._q["project_in_use"], (project_id,)).get != 0:
                raise Conflict("the project still has workflows or runs")
            for kind in ("versions", "triggers", "workflows", "keys"):
                db.execute(self._q[f"delete_{kind}_of"], (project_id,))
            db.execute(self._q["delete_project"], (project_id,))

        await self._db.write(operation)
        self.revision += 1

    async def create_key(self, key: Key) -> None:
        """Add a key.

        Raises:
            NotFound: there is no such project.
        """
        row = (key.id, key.project, key.name, key.role, key.prefix, key.hash)

        def operation(db: apsw.Connection) -> None:
            if db.execute(self._q["project"], (key.project,)).get is None:
                raise NotFound(f"there is no project {key.project}")
            db.execute(self._q["insert_key"], (*row, key.created_at, key.created_by))

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

        def operation(db: apsw.Connection) -> None:
            role = db.execute(self._q["key"], (key_id, project)).get
            if role is None:
                raise NotFound(f"there is no key {key_id}")
            others = db.execute(self._q["other_admins"], (project, key_id)).get
            if role == "admin" and project == DEFAULT_PROJECT and not others:
                raise Conflict("this is the last admin key: make another one first")
            db.execute(self._q["delete_key"], (key_id, project))

        await self._db.write(operation)
        self.revision += 1

    async def has_admin(self) -> bool:
        """Whether the default project has an admin key."""
        ((admins,),) = await self._db.rows("admins", DEFAULT_PROJECT)
        return bool(admins)

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

        def operation(db: apsw.Connection) -> None:
            db.execute(self._q["insert_audit"], row)

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
