"""One attempt of a connector's step, as a pipeline: resolve, begin, perform, normalise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import orjson

from minizaps.clock import Clock, to_datetime
from minizaps.connectors.base import Context, Pause
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials.credential import AccessToken, Credential
from minizaps.credentials.redact import NOTHING, Redactor, redacting, redactor_of
from minizaps.credentials.vault import Vault
from minizaps.engine.plan import AnyConnector, Task
from minizaps.errors import (
    AttemptTimedOut,
    ConnectorError,
    CredentialRefused,
    CredentialUnusable,
)
from minizaps.metrics import STEP_SECONDS, labelled

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tools:
    """What attempts share in a process.

    Attributes:
        vault: opens the credentials of steps.
        max_output: the largest output of a step, in bytes of JSON.
        base_url: the URL under which others reach the API.
    """

    http: HttpClient
    dial: Dialler
    vault: Vault
    clock: Clock
    max_output: int
    base_url: str = ""

    def now(self) -> datetime:
        """The time as an aware datetime."""
        return to_datetime(self.clock.now())


class Outcome(NamedTuple):
    """How an attempt ended: with an output, a pause, a run that was started, or an error.

    Attributes:
        input: the config as it was resolved, secrets masked; None where that failed.
        started_at: in milliseconds.
        child: the run that was started; the step waits for it.
    """

    started_at: int
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    pause: Pause | None = None
    error: ConnectorError | None = None
    child: str | None = None


class Patiently(Protocol):
    """Repeats a call until the journal can be reached."""

    async def __call__(self, call: Callable[[], Awaitable[T]], /) -> T: ...


class Given(NamedTuple):
    """What an attempt is made with.

    Attributes:
        project: the run's, whose credentials it may use.
        path: the step's path in the run.
        scope: the data that its expressions see.
        hidden: texts that are not to be shown where its input is recorded.
        timeout: seconds that it may take; None for a pure step, which only computes.
        patiently: waits out a journal that cannot be reached.
    """

    project: str
    run_id: str
    path: str
    step_type: str
    number: int
    scope: Mapping[str, Any]
    hidden: tuple[str, ...]
    timeout: float | None
    patiently: Patiently


Begin = Callable[[int, dict[str, Any]], Awaitable[None]]


async def make_attempt(task: Task, given: Given, tools: Tools, begin: Begin | None) -> Outcome:
    """Make one attempt.

    Args:
        begin: takes the attempt down in the journal, before its effect; None for a pure step
            that is not suspected to have taken a worker down.
    """
    started_at = tools.clock.now()
    shown, credential, redactor = None, None, NOTHING
    try:
        connector, shown = task.resolve(given.scope)
        if exceeds(shown, tools.max_output):
            shown = None
            message = f"the config has more than {tools.max_output} bytes"
            raise ConnectorError(message, type="config_too_large")
        shown = mask(shown, given.hidden)
        credential = await _open(task, given, tools)
        if credential is not None:
            redactor = redactor_of(tuple(credential.secrets()))
        shown = redactor.value(shown)
        if begin is not None:
            await begin(started_at, shown)
        with redacting(redactor):
            context = _context(given, tools, credential)
            result = await _perform(connector, context, given.timeout)
        output, pause = _normalise(result, tools.max_output)
        return Outcome(started_at, shown, redactor.value(output), pause)
    except CredentialRefused as error:
        if (name := task.credential) is not None:
            renew, refused = tools.vault.renew, credential
            error.retryable = await given.patiently(lambda: renew(given.project, name, refused))
        return Outcome(started_at, shown, error=_redacted(error, redactor))
    except ConnectorError as error:
        return Outcome(started_at, shown, error=_redacted(error, redactor))
    finally:
        labelled(STEP_SECONDS, given.step_type).observe((tools.clock.now() - started_at) / 1000)


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


def mask(value: dict[str, Any], hidden: tuple[str, ...]) -> dict[str, Any]:
    """A JSON object in which each of some texts is `***`."""
    if not hidden:
        return value
    raw = orjson.dumps(value)
    for text in hidden:
        raw = raw.replace(text.encode(), b"***")
    masked: dict[str, Any] = orjson.loads(raw)
    return masked


async def _open(task: Task, given: Given, tools: Tools) -> Credential | None:
    """The step's credential.

    Raises:
        CredentialUnusable: it cannot be opened, or is of a type that the connector does not take.
    """
    if (name := task.credential) is None:
        return None
    try:
        async with asyncio.timeout(given.timeout):
            credential = await given.patiently(lambda: tools.vault.open(given.project, name))
    except TimeoutError:
        message = f"the credential {name!r} could not be opened within {given.timeout:g} s"
        raise CredentialUnusable(message, retryable=True) from None
    takes = tuple(kind.type for kind in task.connector.credential)
    if credential.type not in (*takes, AccessToken.type):
        raise CredentialUnusable(
            f"the credential {name!r} is of the type {credential.type}, not {' or '.join(takes)}"
        )
    return credential


def _redacted(error: ConnectorError, redactor: Redactor) -> ConnectorError:
    """The same error without secrets."""
    if redactor is not NOTHING:
        error.args = (redactor.excerpt(str(error)),)
        error.type = redactor.text(error.type)
        plain = orjson.dumps(error.details, default=str, option=orjson.OPT_NON_STR_KEYS)
        error.details = redactor.excerpt(orjson.loads(plain))
    return error


def _context(given: Given, tools: Tools, credential: Credential | None) -> Context:
    return Context(
        data=MappingProxyType(given.scope),
        run_id=given.run_id,
        path=given.path,
        attempt=given.number,
        idempotency_key=f"{given.run_id}:{given.path}",
        http=tools.http,
        dial=tools.dial,
        now=tools.now,
        credential=credential,
    )


async def _perform(
    connector: AnyConnector, context: Context, timeout: float | None
) -> dict[str, Any] | Pause | None:
    limit = None
    try:
        if timeout is None:
            return await connector.execute(context)
        async with asyncio.timeout(timeout) as limit:
            return await connector.execute(context)
    except AttemptTimedOut as error:
        error.retryable = error.retryable and connector.may_repeat()
        raise
    except ConnectorError:
        raise
    except TimeoutError as error:
        if limit is not None and limit.expired():
            message = f"the attempt took longer than {timeout:g} s"
            # What was cut off may have had its effect.
            raise AttemptTimedOut(message, retryable=connector.may_repeat()) from error
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
        raise ConnectorError(in_words(error), type="unexpected") from error


def in_words(error: Exception) -> str:
    """What an exception that nobody foresaw says, even if it cannot say it."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


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
