"""Takes the messages of one queue, and starts a run for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from minizaps.connectors.delivery import Delivery, Line
from minizaps.connectors.dial import Dialler
from minizaps.connectors.extras import load
from minizaps.credentials.types import Amqp, Redis
from minizaps.credentials.vault import Vault
from minizaps.definition.queue_trigger import QueueTriggerConfig
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import (
    ConnectorError,
    CredentialUnusable,
    DefinitionInvalid,
    InvalidInput,
    JournalUnavailable,
    MinizapsError,
)
from minizaps.journal.listeners import Listener, Listeners
from minizaps.journal.records import Idempotency, NewRun, Started
from minizaps.metrics import QUEUE_MESSAGES, TRIGGER_FAILURES, labelled
from minizaps.triggers.queue import payload, sender_key

logger = logging.getLogger("minizaps.worker")

QUEUE = "queue"
SOONEST, LATEST = 0.5, 30.0  # seconds until a server that failed is tried again
PAUSE = 0.5  # seconds after which a journal that takes no writes is tried again
GRACE = 5.0  # seconds for what is under way at the end
NOTED = 1000  # milliseconds after which it is noted again that runs start

T = TypeVar("T")


class Door(NamedTuple):
    """What consumers share in a process.

    Attributes:
        start: takes a run in.
        largest: bytes that a message may have.
        name: what tells this process from others.
    """

    listeners: Listeners
    engine: WorkflowEngine
    start: Callable[[NewRun], Awaitable[Started]]
    vault: Vault
    dial: Dialler
    now: Callable[[], int]
    largest: int
    name: str


class Consumer:
    """Takes messages until it is cancelled.

    A message is the server's until its run is on disk. While the journal takes no writes, messages
    are held and no further ones come; where the server goes away, it is tried again.
    """

    def __init__(self, listener: Listener, door: Door) -> None:
        self._listener = listener
        self._door = door
        self._wait = 0.0
        self._noted = 0

    async def run(self) -> None:
        """Take messages, for ever."""
        while True:
            try:
                await self._session()
            except MinizapsError as error:
                await self._failed(error)
            except Exception:
                logger.exception("the consumer of %s failed; it goes on", self._name)
                message = "a mistake in Mini-Zaps; the log has the traceback"
                await self._failed(ConnectorError(message, type="internal"))
            self._wait = min(max(2 * self._wait, SOONEST), LATEST)
            await asyncio.sleep(self._wait)

    @property
    def _name(self) -> str:
        return f"queue {self._listener.id} of workflow {self._listener.workflow_id}"

    async def _session(self) -> None:
        try:
            config = QueueTriggerConfig.model_validate(self._listener.config)
        except ValidationError as error:  # this program does not know what another one saved
            raise InvalidInput(str(error)) from None
        async with await self._line(config) as line:
            await _insist(self._fares_well)
            self._wait = 0.0
            while True:
                deliveries = await line.receive()
                await _finish(self._take_all(line, deliveries, config))

    async def _line(self, config: QueueTriggerConfig) -> AbstractAsyncContextManager[Line]:
        door = self._door
        credential = await door.vault.open(self._listener.project, config.credential)
        wanted = Redis if config.queue is None else Amqp
        if not isinstance(credential, Amqp | Redis) or not isinstance(credential, wanted):
            name, kind = config.credential, credential.type
            message = f"the credential {name!r} is of the type {kind}, not {wanted.type}"
            raise CredentialUnusable(message)
        names = ("amqp_consumer", "rabbitmq") if wanted is Amqp else ("redis_consumer", "redis")
        opened: AbstractAsyncContextManager[Line] = load(*names).open_line(
            credential.url.get_secret_value(), door.dial, config, door.name
        )
        return opened

    async def _take_all(
        self, line: Line, deliveries: list[Delivery], config: QueueTriggerConfig
    ) -> None:
        """Take messages; those that went well are settled whatever becomes of the others."""
        taken = (self._take(line, delivery, config) for delivery in deliveries)
        for result in await asyncio.gather(*taken, return_exceptions=True):
            if result is not None:
                raise result

    async def _take(self, line: Line, delivery: Delivery, config: QueueTriggerConfig) -> None:
        try:
            started = await _insist(lambda: self._start(delivery, config))
        except DefinitionInvalid:
            raise  # a connector is not installed here: the message is right
        except InvalidInput as error:
            await self._refuse(delivery, error)
            await line.settle(delivery, taken=False)
            return
        await line.settle(delivery, taken=True)
        labelled(QUEUE_MESSAGES, "taken" if started.created else "known").inc()
        if self._door.now() - self._noted >= NOTED:
            self._noted = self._door.now()
            await _insist(lambda: self._fares_well(fired=True))

    async def _start(self, delivery: Delivery, config: QueueTriggerConfig) -> Started:
        listener, door = self._listener, self._door
        root: dict[str, Any] = {
            "id": listener.id,
            "type": QUEUE,
            "body": payload(delivery, config.format, door.largest),
            "headers": delivery.headers,
            "query": {},
            "message": delivery.facts,
        }
        key, scope = sender_key(delivery), f"queue:{listener.workflow_id}:{listener.id}"
        once = None if key is None else Idempotency(scope, key, "")
        run = await door.engine.prepare(
            listener.project, listener.workflow_id, listener.version, root, idempotency=once
        )
        return await door.start(run)

    async def _refuse(self, delivery: Delivery, error: InvalidInput) -> None:
        """Tell of a message that can start no run, now or later."""
        which = delivery.facts.get("entry_id") or delivery.id or "without an id"
        detail = f"the message {which} was refused: {error}"
        labelled(QUEUE_MESSAGES, "refused").inc()
        labelled(TRIGGER_FAILURES, QUEUE).inc()
        logger.warning("%s: %s", self._name, detail)
        await _insist(lambda: self._door.listeners.failed(self._listener, "not_started", detail))

    async def _failed(self, error: MinizapsError) -> None:
        """Tell that the server cannot be used."""
        labelled(TRIGGER_FAILURES, QUEUE).inc()
        if not self._wait:
            logger.warning("%s takes no messages: %s", self._name, error)
        kind = error.type if isinstance(error, ConnectorError) else "failed"
        await _insist(lambda: self._door.listeners.failed(self._listener, kind, str(error)))

    async def _fares_well(self, *, fired: bool = False) -> None:
        await self._door.listeners.fares_well(self._listener, fired=fired)


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call until the journal takes writes."""
    while True:
        try:
            return await call()
        except JournalUnavailable:
            await asyncio.sleep(PAUSE)


async def _finish(work: Awaitable[None]) -> None:
    """Do some work; where it is cancelled, it has a while to come to its end.

    What is under way then is most often an acknowledgement, without which the message comes again.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=GRACE)
        if not task.cancel() and not task.cancelled():
            task.exception()
        raise
