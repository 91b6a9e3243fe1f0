"""Watches one mailbox, and starts a run for each new mail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, NamedTuple, NoReturn

import orjson
from imapclient import IMAPClient
from pydantic import ValidationError

from minizaps.clock import Clock
from minizaps.connectors.dial import Dialler
from minizaps.connectors.imap_session import in_mailbox
from minizaps.connectors.imap_watch import Batch, Position, watch
from minizaps.credentials.types import Imap
from minizaps.credentials.vault import Vault
from minizaps.definition.email_trigger import EmailTriggerConfig
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import (
    ConnectorError,
    CredentialUnusable,
    DefinitionInvalid,
    InvalidInput,
    JournalUnavailable,
    LeaseLost,
    MinizapsError,
)
from minizaps.journal.records import NewRun
from minizaps.journal.triggers import DueTrigger, Firing, Triggers
from minizaps.metrics import RUNS_STARTED, TRIGGER_FAILURES, labelled
from minizaps.triggers.email import identity, retry_at

logger = logging.getLogger("minizaps.worker")

EMAIL = "email"
HELD = 75_000  # milliseconds after which the mailbox of a process that has died is another's


class Post(NamedTuple):
    """What watchers share in a process."""

    triggers: Triggers
    engine: WorkflowEngine
    vault: Vault
    dial: Dialler
    clock: Clock


class Watcher:
    """Watches until the trigger is no longer this process's, by the epoch of its row.

    The runs of mails, that they have been seen, and the position behind them are one write.

    Args:
        trigger: as it is held.
    """

    def __init__(self, trigger: DueTrigger, post: Post) -> None:
        self._trigger = trigger
        self._post = post

    async def run(self) -> None:
        """Watch, and take down why it has ended."""
        try:
            await self._watch()
        except LeaseLost as error:
            logger.info("%s", error)
        except JournalUnavailable as error:
            logger.error("%s is let go: %s", self._name, error)
        except asyncio.CancelledError:
            await self._post.triggers.hold(self._trigger, self._post.clock.now())
            raise
        except MinizapsError as error:
            await self._failed(error)
        except Exception:
            logger.exception("%s failed", self._name)
            message = "a mistake in Mini-Zaps; the log has the traceback"
            await self._failed(ConnectorError(message, type="internal"))

    @property
    def _name(self) -> str:
        return f"email {self._trigger.id} of workflow {self._trigger.workflow_id}"

    async def _watch(self) -> None:
        trigger, post = self._trigger, self._post
        try:
            config = EmailTriggerConfig.model_validate(trigger.config)
        except ValidationError as error:  # this program does not know what another one saved
            raise InvalidInput(str(error)) from None
        credential = await post.vault.open(trigger.project, config.credential)
        if not isinstance(credential, Imap):
            kind = credential.type
            raise CredentialUnusable(f"the credential {config.credential!r} is {kind}, not imap")
        position = None if trigger.cursor is None else Position(**orjson.loads(trigger.cursor))
        loop = asyncio.get_running_loop()

        def work(client: IMAPClient) -> NoReturn:
            watch(
                client,
                config,
                position,
                post.clock.now,
                lambda batch: _in_loop(loop, lambda: self._take(batch)),
                lambda: _in_loop(loop, self._hold),
            )

        await in_mailbox(credential, post.dial, work)

    async def _hold(self) -> None:
        """Say that this process goes on."""
        until = self._post.clock.now() + HELD
        held = await self._post.triggers.hold(self._trigger, until)
        if held is None:
            raise LeaseLost(f"{self._name} is no longer this process's")
        self._trigger = held

    async def _take(self, batch: Batch) -> None:
        await self._hold()
        trigger, post = self._trigger, self._post
        mails = {identity(mail): mail for mail in reversed(batch.mails)}
        known = await post.triggers.known_items(trigger, list(mails))
        runs, error = [], None
        for item, mail in reversed(mails.items()):
            if item in known:
                continue
            try:
                runs.append(await self._run(mail))
            except DefinitionInvalid:
                raise
            except InvalidInput as refused:  # this mail cannot start a run, now or later
                which = f"the mail {mail['message_id']} (UID {mail['uid']}) was passed over"
                error = {"type": "not_started", "detail": f"{which}: {refused}"}
                self._warn(error["detail"])
        cursor = orjson.dumps(asdict(batch.position)).decode()
        until = post.clock.now() + HELD
        firing = Firing(trigger, until, None, runs, error, cursor=cursor, seen=list(mails))
        if not await post.triggers.fire([firing]):
            raise LeaseLost(f"{self._name} is no longer this process's")
        # The write has raised the epoch once more.
        self._trigger = trigger._replace(
            epoch=trigger.epoch + 1, failures=trigger.failures + 1 if error else 0, cursor=cursor
        )
        labelled(RUNS_STARTED, EMAIL).inc(len(runs))

    async def _run(self, mail: dict[str, Any]) -> NewRun:
        trigger = self._trigger
        root = {"id": trigger.id, "type": EMAIL, "body": mail, "headers": {}, "query": {}}
        return await self._post.engine.prepare(
            trigger.project, trigger.workflow_id, trigger.version, root
        )

    async def _failed(self, error: MinizapsError) -> None:
        kind = error.type if isinstance(error, ConnectorError) else "failed"
        told = {"type": kind, "detail": str(error)}
        again = retry_at(self._trigger.failures + 1, self._post.clock.now())
        if await self._post.triggers.fire([Firing(self._trigger, again, error=told)]):
            self._warn(told["detail"])

    def _warn(self, detail: str) -> None:
        labelled(TRIGGER_FAILURES, EMAIL).inc()
        logger.warning("%s: %s", self._name, detail)


def _in_loop(
    loop: asyncio.AbstractEventLoop, make: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Do something in the event loop and wait for it, from another thread.

    The coroutine is made in the loop: where that has just been closed, none is left over.
    """
    ended: Future[None] = Future()

    def begin() -> None:
        task = loop.create_task(make())
        task.add_done_callback(lambda done: _tell(done, ended))

    loop.call_soon_threadsafe(begin)
    ended.result(timeout=HELD / 1000)


def _tell(task: asyncio.Task[None], ended: Future[None]) -> None:
    if task.cancelled():
        ended.cancel()
    elif (error := task.exception()) is not None:
        ended.set_exception(error)
    else:
        ended.set_result(None)
