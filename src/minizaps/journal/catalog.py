"""Workflows, their immutable versions and their triggers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from minizaps.clock import Clock
from minizaps.errors import Conflict, NotFound, PreconditionFailed
from minizaps.ids import uuid7
from minizaps.journal import timetable
from minizaps.journal.database import Database, Transaction
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

        async def operation(tx: Transaction) -> Workflow:
            await self._refuse_taken(tx, project, name, workflow_id)
            row = (workflow_id, project, name, active, now)
            await tx.execute("insert_workflow", *row)
            workflow = Workflow(workflow_id, project, name, 1, active, now, now)
            await self._save_version(tx, workflow, definition, now, by)
            return workflow

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

        async def operation(tx: Transaction) -> Workflow:
            present = await self._get(tx, workflow_id, project)
            if expected is not None and expected != present.version:
                raise PreconditionFailed(
                    f"the workflow is at version {present.version}, not {expected}: "
                    "read it again and repeat your change"
                )
            await self._refuse_taken(tx, project, name, workflow_id)
            version = await tx.value("latest_version", workflow_id) + 1
            await self._save_version(tx, replace(present, version=version), definition, now, by)
            await tx.execute("revise_workflow", name, version, now, workflow_id)
            return await self._get(tx, workflow_id, project)

        return await self._write(operation)

    async def activate(self, workflow_id: str, project: str, *, active: bool) -> Workflow:
        """Let the workflow's triggers fire, or stop them."""
        now = self._clock.now()

        async def operation(tx: Transaction) -> Workflow:
            await self._get(tx, workflow_id, project)
            await tx.execute("activate", active, now, workflow_id)
            if active:
                await timetable.resume(tx, workflow_id, now)
            else:
                await timetable.stop(tx, workflow_id)
            return await self._get(tx, workflow_id, project)

        return await self._write(operation)

    async def delete(self, workflow_id: str, project: str) -> None:
        """Delete a workflow: its triggers stop, its name is free, its runs stay."""
        now = self._clock.now()

        async def operation(tx: Transaction) -> None:
            await self._get(tx, workflow_id, project)
            await tx.execute("delete_workflow", now, workflow_id)
            await timetable.stop(tx, workflow_id)
            await tx.execute("forget_all_items", workflow_id)

        await self._write(operation)

    async def workflow(self, workflow_id: str, project: str) -> Workflow:
        """One workflow, by id or by name.

        Raises:
            NotFound: the project has none such.
        """

        for row in await self._db.rows("workflow_called", workflow_id, project):
            return _workflow(row)
        raise NotFound(f"there is no workflow {workflow_id}")

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

    async def definitions(self, project: str) -> list[tuple[str, Definition]]:
        """The names and the present definitions of a project's workflows."""
        rows = await self._db.rows("present_definitions", project)
        return [(name, orjson.loads(definition)) for name, definition in rows]

    async def triggers(self, workflow_id: str) -> list[Trigger]:
        """The triggers of the present version."""
        return [_trigger(row) for row in await self._db.rows("triggers", workflow_id)]

    async def hook(self, hook_token: str) -> Hook | None:
        """What an inbound hook's token leads to; None if no active workflow has it."""
        for row in await self._db.rows("hook", hook_token):
            return Hook(*row)
        return None

    async def used(self) -> bool:
        """Whether there has ever been a workflow."""
        return bool(await self._db.rows("any_workflow"))

    async def _write(self, operation: Callable[[Transaction], Awaitable[T]]) -> T:
        result = await self._db.write(operation)
        self.revision += 1
        return result

    async def _get(self, tx: Transaction, workflow_id: str, project: str) -> Workflow:
        for row in await tx.rows("workflow", workflow_id, project):
            return _workflow(row)
        raise NotFound(f"there is no workflow {workflow_id}")

    async def _refuse_taken(
        self, tx: Transaction, project: str, name: str, workflow_id: str
    ) -> None:
        other = await tx.value("workflow_named", project, name)
        if other not in (None, workflow_id):
            raise Conflict(
                f"a workflow named {name!r} exists ({other}): take another name, "
                "or save this as a new version of it"
            )

    async def _save_version(
        self, tx: Transaction, workflow: Workflow, definition: Definition, now: int, by: str
    ) -> None:
        row = (workflow.id, workflow.version, dump(definition), now, by)
        await tx.execute("insert_version", *row)
        triggers = definition.get("triggers", [])
        await timetable.save(tx, workflow.id, triggers, now, active=workflow.active)


def _workflow(row: Sequence[Any]) -> Workflow:
    workflow_id, project, name, version, active, created_at, updated_at = row
    return Workflow(workflow_id, project, name, version, bool(active), created_at, updated_at)


def _trigger(row: Sequence[Any]) -> Trigger:
    trigger_id, kind, token, config, due_at, fired_at, error, failures = row
    config, error = (None if text is None else orjson.loads(text) for text in (config, error))
    return Trigger(trigger_id, kind, token, config or {}, due_at, fired_at, error, failures)


def _version(row: Sequence[Any]) -> Version:
    workflow_id, version, definition, created_at, created_by = row
    return Version(workflow_id, version, orjson.loads(definition), created_at, created_by)
