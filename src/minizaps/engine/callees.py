"""Which workflows a definition calls, and that they do not call it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from minizaps.definition.tree import walk
from minizaps.errors import DefinitionInvalid, NotFound, Problem
from minizaps.journal.records import Version, Workflow


class Saved(Protocol):
    """The workflows that are saved."""

    async def workflow(self, workflow_id: str, project: str) -> Workflow: ...

    async def version(self, workflow_id: str, version: int) -> Version: ...


async def check_callees(saved: Saved, project: str, definition: dict[str, Any]) -> None:
    """Check the workflows that a definition calls by name.

    Raises:
        DefinitionInvalid: one is not there, or calls lead back to this workflow.
    """
    problems = []
    for pointer, name in _called(definition):
        if detail := await _Search(saved, project, definition["name"]).problem(name):
            problems.append(Problem(f"{pointer}/config/workflow", detail))
    if problems:
        raise DefinitionInvalid(problems)


def _called(definition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for pointer, step in walk(definition):
        if step.get("type") == "workflow":
            yield pointer, step["config"]["workflow"]


class _Search:
    """Follows calls from workflow to workflow, each once."""

    def __init__(self, saved: Saved, project: str, own: str) -> None:
        self._saved = saved
        self._project = project
        self._own = own
        self._seen: set[str] = set()

    async def problem(self, name: str) -> str | None:
        """What is wrong with calling a workflow."""
        if name == self._own:
            return "a workflow may not call itself"
        try:
            called = await self._definition(name)
        except NotFound:
            return f"there is no workflow {name!r}: save it first"
        way = await self._way_back(name, called)
        return None if way is None else f"the calls go round in a circle: {' → '.join(way)}"

    async def _way_back(self, name: str, definition: dict[str, Any]) -> list[str] | None:
        self._seen.add(name)
        for _, callee in _called(definition):
            if callee == self._own:
                return [self._own, name, self._own]
            if callee in self._seen:
                continue
            try:
                way = await self._way_back(callee, await self._definition(callee))
            except NotFound:
                continue  # said when that one was saved; its run will say it again
            if way is not None:
                return [self._own, name, *way[1:]]
        return None

    async def _definition(self, name: str) -> dict[str, Any]:
        workflow = await self._saved.workflow(name, self._project)
        if workflow.name != name:
            raise NotFound(f"{name} is an id: a workflow is called by its name")
        return (await self._saved.version(workflow.id, workflow.version)).definition
