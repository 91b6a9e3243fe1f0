"""Workflows, their immutable versions and their triggers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import apsw
import orjson

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound, PreconditionFailed
from minizaps.ids import token, uuid7
from minizaps.journal.database import Database
from minizaps.journal.records import Hook, Trigger, Version, Workflow
from minizaps.journal.rows import dump

Definition = dict[str, Any]
T = TypeVar("T")


class Catalog:
    """Keeps the workflows.

    Attributes:
        revision: grows with every change made through this process; caches compare it.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._q = database.queries
        self._clock = clock
        self.revision = 0

    async def create(
        self, project: str, definition: Definition, *, active: bool, by: str
    ) -> Workflow:
        """Save a new workflow as its version 1.

        Raises:
            Conflict: the project has a workflow of that name.
        """
        workflow_id, now = uuid7(), self._clock.now()
        name = definition["name"]

        def operation(db: apsw.Connection) -> Workflow:
            self._refuse_taken(db, project, name, workflow_id)
            row = (workflow_id, project, name, active, now)
            db.execute(self._q["insert_workflow"], row)
            self._save_version(db, workflow_id, 1, definition, now, by)
            return Workflow(workflow_id, project, name, 1, active, now, now)

        return await self._write(operation)

    async def revise(
        self,
        workflow_id: str,
        project: str,
        definition: Definition,
        *,
        expected: int | None,
        by: str,
    ) -> Workflow:
        """Save a new version.

        Args:
            expected: the version that the author read, if they said which.

        Raises:
            NotFound, PreconditionFailed, Conflict: no such workflow; it has another version by
                now; its new name is taken.
        """
        now = self._clock.now()
        name = definition["name"]

        def operation(db: apsw.Connection) -> Workflow:
            present = self._get(db, workflow_id, project)
            if expected is not None and expected != present.version:
                raise PreconditionFailed(
                    f"the workflow is at version {present.version}, not {expected}: "
                    "read it again and repeat your change"
                )
            self._refuse_taken(db, project, name, workflow_id)
            version = db.execute(self._q["latest_version"], (workflow_id,)).get + 1
            self._save_version(db, workflow_id, version, definition, now, by)
            db.execute(self._q["revise_workflow"], (name, version, now, workflow_id))
            return self._get(db, workflow_id, project)

        return await self._write(operation)

    async def activate(self, workflow_id: str, project: str, *, active: bool) -> Workflow:
        """Let the workflow's triggers fire, or stop them."""
        now = self._clock.now()

        def operation(db: apsw.Connection) -> Workflow:
            self._get(db, workflow_id, project)
            db.execute(self._q["activate"], (active, now, workflow_id))
            return self._get(db, workflow_id, project)

        return await self._write(operation)

    async def delete(self, workflow_id: str, project: str) -> None:
        """Delete a workflow: its triggers stop, its name is free, its runs stay."""
        now = self._clock.now()

        def operation(db: apsw.Connection) -> None:
            self._get(db, workflow_id, project)
            db.execute(self._q["delete_workflow"], (now, workflow_id))

        await self._write(operation)

    async def workflow(self, workflow_id: str, project: str) -> Workflow:
        """One workflow, by id or by name.

        Raises:
            NotFound: the project has none such.
        """

        def operation(db: apsw.Connection) -> Workflow:
            try:
                return self._get(db, workflow_id, project)
            except NotFound:
                named = db.execute(self._q["workflow_named"], (project, workflow_id)).get
                return self._get(db, named or workflow_id, project)

        return await self._db.read(operation)

    async def workflows(
        self, project: str, *, before: str | None = None, limit: int
    ) -> list[Workflow]:
        """A page of workflows, newest first."""
        rows = await self._db.rows("workflows", project, before or "~", limit)
        return [_workflow(row) for row in rows]

    async def version(self, workflow_id: str, version: int) -> Version:
        """One version.

        Raises:
            NotFound: the workflow has none such.
        """
        for row in await self._db.rows("version", workflow_id, version):
            return _version(row)
        raise NotFound(f"the workflow has no version {version}")

    async def versions(
        self, workflow_id: str, *, before: int | None = None, limit: int
    ) -> list[Version]:
        """A page of versions, newest first."""
        bound = 2**62 if before is None else before
        rows = await self._db.rows("versions", workflow_id, bound, limit)
        return [_version(row) for row in rows]

    async def triggers(self, workflow_id: str) -> list[Trigger]:
        """The triggers of the present version."""
        return [Trigger(*row) for row in await self._db.rows("triggers", workflow_id)]

    async def hook(self, hook_token: str) -> Hook | None:
        """What an inbound hook's token leads to; None if no active workflow has it."""
        for row in await self._db.rows("hook", hook_token):
            return Hook(*row)
        return None

    async def used(self) -> bool:
        """Whether there has ever been a workflow."""
        return bool(await self._db.rows("any_workflow"))

    async def _write(self, operation: Callable[[apsw.Connection], T]) -> T:
        result = await self._db.write(operation)
        self.revision += 1
        return result

    def _get(self, db: apsw.Connection, workflow_id: str, project: str) -> Workflow:
        row = db.execute(self._q["workflow"], (workflow_id, project)).fetchone()
        if row is None:
            raise NotFound(f"there is no workflow {workflow_id}")
        return _workflow(row)

    def _refuse_taken(self, db: apsw.Connection, project: str, name: str, workflow_id: str) -> None:
        other = db.execute(self._q["workflow_named"], (project, name)).get
        if other not in (None, workflow_id):
            raise Conflict(
                f"a workflow named {name!r} exists ({other}): take another name, "
                "or save this as a new version of it"
            )

    def _save_version(
        self,
        db: apsw.Connection,
        workflow_id: str,
        version: int,
        definition: Definition,
        now: int,
        by: str,
    ) -> None:
        row = (workflow_id, version, dump(definition), now, by)
        db.execute(self._q["insert_version"], row)
        db.execute(self._q["absent_triggers"], (workflow_id,))
        for trigger in definition.get("triggers", []):
            hook_token = token() if trigger["type"] == "webhook" else None
            row_ = (workflow_id, trigger["id"], trigger["type"], hook_token)
            db.execute(self._q["upsert_trigger"], row_)


def _workflow(row: tuple[Any, ...]) -> Workflow:
    workflow_id, project, name, version, active, created_at, updated_at = row
    return Workflow(workflow_id, project, name, version, bool(active), created_at, updated_at)


def _version(row: tuple[Any, ...]) -> Version:
    workflow_id, version, definition, created_at, created_by = row
    return Version(workflow_id, version, orjson.loads(definition), created_at, created_by)
