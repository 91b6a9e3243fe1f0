"""One attempt of a step, as a pipeline: resolve, begin, perform, normalise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from minizaps.clock import Clock, to_datetime
from minizaps.connectors.base import Context, Pause
from minizaps.connectors.outbound import HttpClient
from minizaps.engine.plan import AnyConnector, PlannedStep
from minizaps.errors import AttemptTimedOut, ConnectorError, ExpressionError
from minizaps.metrics import STEP_SECONDS, labelled


@dataclass(frozen=True, slots=True)
class Tools:
    """What attempts share in a process.

    Attributes:
        max_output: the largest output of a step, in bytes of JSON.
    """

    http: HttpClient
    clock: Clock
    max_output: int

    def now(self) -> datetime:
        """The time as an aware datetime."""
        return to_datetime(self.clock.now())


class Outcome(NamedTuple):
    """How an attempt ended: with an output, a pause or an error.

    Attributes:
        input: the config as it was resolved, secrets masked; None where that failed.
        started_at: in milliseconds.
    """

    started_at: int
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    pause: Pause | None = None
    error: ConnectorError | None = None


Begin = Callable[[int, dict[str, Any]], Awaitable[None]]


async def make_attempt(
    step: PlannedStep,
    scope: Mapping[str, Any],
    *,
    run_id: str,
    number: int,
    timeout: float | None,
    tools: Tools,
    begin: Begin | None,
) -> Outcome:
    """Make one attempt.

    Args:
        timeout: seconds that it may take; None for a pure step, which only computes.
        begin: takes the attempt down in the journal, before its effect; None for a pure step
            that is not suspected to have taken a worker down.
    """
    started_at = tools.clock.now()
    shown = None
    try:
        connector, shown = _resolve(step, scope)
        if exceeds(shown, tools.max_output):
            message = f"the config has more than {tools.max_output} bytes"
            shown = None
            raise ConnectorError(message, type="config_too_large")
        if begin is not None:
            await begin(started_at, shown)
        context = _context(step, scope, run_id, number, tools)
        result = await _perform(connector, context, timeout)
        output, pause = _normalise(result, tools.max_output)
        return Outcome(started_at, shown, output, pause)
    except ConnectorError as error:
        return Outcome(started_at, shown, error=error)
    finally:
        labelled(STEP_SECONDS, step.step_type).observe((tools.clock.now() - started_at) / 1000)


def exceeds(value: Any, limit: int) -> bool:
    """Whether a value has more than about `limit` bytes as JSON; looks no further than needed."""
    left, pending = limit, [value]
    while pending and left >= 0:
        part = pending.pop()
        left -= 4
        if isinstance(part, str):
            left -= len(part)
        elif isinstance(part, dict):
            left -= sum(map(len, part))
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return left < 0


def _resolve(step: PlannedStep, scope: Mapping[str, Any]) -> tuple[AnyConnector, dict[str, Any]]:
    try:
        return step.resolve(scope)
    except ExpressionError as error:
        raise ConnectorError(f"{error.pointer}: {error}", type="expression") from error


def _context(
    step: PlannedStep, scope: Mapping[str, Any], run_id: str, number: int, tools: Tools
) -> Context:
    return Context(
        data=MappingProxyType(scope),
        run_id=run_id,
        path=step.path,
        attempt=number,
        idempotency_key=f"{run_id}:{step.path}",
        http=tools.http,
        now=tools.now,
    )


async def _perform(
    connector: AnyConnector, context: Context, timeout: float | None
) -> dict[str, Any] | Pause | None:
    try:
        async with asyncio.timeout(timeout) as limit:
            return await connector.execute(context)
    except ConnectorError:
        raise
    except TimeoutError as error:
        if limit.expired():
            message = f"the attempt took longer than {timeout:g} s"
            # What was cut off may have had its effect.
            raise AttemptTimedOut(message, retryable=connector.idempotent) from error
        raise ConnectorError(f"TimeoutError: {error}", type="unexpected") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        message = "a task of the connector was cancelled"
        raise ConnectorError(message, type="unexpected") from error
    except Exception as error:
        # A connector's own mistake fails its step; it must not take the worker down.
        context.logger.exception("step %s of run %s", context.path, context.run_id)
        raise ConnectorError(f"{type(error).__name__}: {error}", type="unexpected") from error


def _normalise(
    result: dict[str, Any] | Pause | None, largest: int
) -> tuple[dict[str, Any], Pause | None]:
    """The output as plain JSON, the same now as when it is read back from the journal."""
    pause = result if isinstance(result, Pause) else None
    output = pause.output if pause else {} if result is None else result
    if not isinstance(output, dict):
        kind = type(output).__name__
        raise ConnectorError(f"the connector returned {kind}, not a dict", type="bad_output")
    if pause is not None and getattr(pause.until, "tzinfo", None) is None:
        raise ConnectorError("Pause.until is no aware datetime", type="bad_output")
    try:
        raw = orjson.dumps(output)
    except TypeError as error:
        raise ConnectorError(f"the output is not JSON: {error}", type="bad_output") from error
    if len(raw) > largest:
        message = f"the output has {len(raw)} bytes of JSON, {largest} are allowed"
        raise ConnectorError(message, type="output_too_large")
    return orjson.loads(raw), pause
