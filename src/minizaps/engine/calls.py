"""Starting another workflow's run as a step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from minizaps.clock import Clock
from minizaps.definition.steps import CallConfig
from minizaps.engine.attempt import Begin, Given, Outcome, mask
from minizaps.engine.plan import Call, resolve
from minizaps.errors import ConnectorError, InvalidInput, LimitExceeded, NotFound
from minizaps.journal.records import Parent

DEEPEST = 10  # runs above each other


class Runs(Protocol):
    """What starts and ends other runs."""

    def start_child(
        self, project: str, config: CallConfig, trigger: dict[str, Any], run_id: str, parent: Parent
    ) -> Coroutine[Any, Any, None]:
        """Start a run of the workflow that `config` names, if there is none of this id.

        Raises:
            NotFound, InvalidInput: there is no such workflow, or the input does not fit it.
            LeaseLost: the parent is no longer held.
        """

    async def cancel_child(self, run_id: str, project: str, parent_id: str) -> None:
        """Cancel a run, unless it has ended."""


async def make_call(
    call: Call,
    given: Given,
    *,
    runs: Runs,
    clock: Clock,
    project: str,
    parent: Parent,
    child: str,
    begin: Begin,
    patiently: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> Outcome:
    """Start the run.

    Args:
        child: the id that it gets.
        begin: takes the attempt down in the journal, with the child's id, before it is started.
        patiently: waits out a journal that takes no writes.
    """
    started_at = clock.now()
    shown = None
    try:
        config, raw = resolve(call.config, CallConfig, given.scope)
        shown = mask(raw, given.hidden)
        await begin(started_at, shown)
        if parent.depth > DEEPEST:
            message = f"runs call each other more than {DEEPEST} deep: a workflow calls itself"
            raise ConnectorError(message, type="too_deep")
        trigger = {"id": given.path, "type": "workflow", "body": config.input, "headers": {},
                   "query": {}}  # fmt: skip
        awaited = parent._replace(awaited=config.wait)
        start = partial(runs.start_child, project, config, trigger, child, awaited)
        await patiently(lambda: _to_its_end(start()))
    except ConnectorError as error:
        return Outcome(started_at, shown, error=error)
    except NotFound as error:
        missing = ConnectorError(str(error), type="workflow_not_found")
        return Outcome(started_at, shown, error=missing)
    except (InvalidInput, LimitExceeded) as error:
        message = f"{config.workflow} does not take this input: {error}"
        return Outcome(started_at, shown, error=ConnectorError(message, type="input"))
    if config.wait:
        return Outcome(started_at, shown, child=child)
    return Outcome(started_at, shown, {"run_id": child})


async def _to_its_end(start: Coroutine[Any, Any, None]) -> None:
    """Start a run; whoever gives the step up meanwhile waits until the run is there to be ended."""
    starting = asyncio.create_task(start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if not starting.cancelled():
            starting.exception()  # it was seen
        raise
