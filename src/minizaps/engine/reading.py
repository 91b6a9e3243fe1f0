"""One look of a poll at its source: the connector's output, read as a list of items."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import orjson

from minizaps.definition import steps as written
from minizaps.definition.expressions import Template, compile_template
from minizaps.definition.poll import PollDefaults, PollTriggerConfig
from minizaps.engine.attempt import Given, Tools, make_attempt
from minizaps.engine.plan import ConnectorMap, make_task
from minizaps.errors import ConnectorError, ExpressionError
from minizaps.ids import uuid7

T = TypeVar("T")
LONGEST_LOOK = 60.0  # seconds
MOST_LISTED = 10_000


class Found(NamedTuple):
    """What a look has found.

    Attributes:
        items: by a hash of their ids, in the order of the source; of two with one id the first.
        cursor: what the next look may read on from.
    """

    items: dict[str, Any]
    cursor: Any


async def read(
    project: str,
    trigger_id: str,
    config: PollTriggerConfig,
    cursor: Any,
    tools: Tools,
    connectors: ConnectorMap,
) -> Found:
    """Read a source once.

    Args:
        project: whose credential it uses.
        cursor: the last look's; None at the first.

    Raises:
        ConnectorError: it cannot be read, or not as a list of items with ids.
        DefinitionInvalid: its connector is no longer installed.
    """
    step = written.Step(
        id=trigger_id, type=config.type, config=config.config, credential=config.credential
    )
    task = make_task(step, connectors)
    timeout = min(task.timeout or LONGEST_LOOK, LONGEST_LOOK)
    # Each look is a request of its own: none is answered by what an earlier one was.
    scope = {"cursor": cursor}
    given = Given(project, uuid7(), trigger_id, config.type, 1, scope, (), timeout, _at_once)
    outcome = await make_attempt(task, given, tools, None)
    if outcome.error is not None:
        raise outcome.error
    if outcome.output is None or outcome.pause is not None:
        raise ConnectorError(f"the step type {config.type!r} waits: it cannot be polled")
    reading = config.reading(task.connector.poll or PollDefaults())
    output = outcome.output
    scope = {**output, "output": output, "cursor": cursor}
    items = _value("items", _compiled(reading.items), scope)
    if not isinstance(items, list):
        raise ConnectorError(f"items: gives {_kind(items)}, no list", type="poll_items")
    if len(items) > MOST_LISTED:
        message = f"items: {len(items)} of them, {MOST_LISTED} at most"
        raise ConnectorError(message, type="poll_items")
    found, id_of = dict[str, Any](), _compiled(reading.id)
    for place, item in enumerate(items):
        found.setdefault(_hash(_value("id", id_of, {"item": item}), place), item)
    if reading.cursor is not None:
        cursor = _value("cursor", _compiled(reading.cursor), {**scope, "items": items})
    return Found(found, cursor)


async def _at_once(call: Callable[[], Awaitable[T]]) -> T:
    """A look that meets a journal out of reach is made again, whole."""
    return await call()


def _compiled(source: str | None) -> Template:
    return compile_template(source or "")


def _value(name: str, template: Template, scope: Mapping[str, Any]) -> Any:
    try:
        return template.render(scope)
    except ExpressionError as error:
        raise ConnectorError(f"{name}: {error}", type="poll_items") from error


def _hash(value: Any, place: int) -> str:
    """What is kept of an item's id."""
    if value is None or isinstance(value, bool | dict | list):
        message = f"id: item {place} gives {_kind(value)}, no text or number"
        raise ConnectorError(message, type="poll_items")
    return hashlib.blake2b(orjson.dumps(value), digest_size=16).hexdigest()


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
