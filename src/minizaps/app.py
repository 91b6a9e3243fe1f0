"""The composition root: everything that one process runs, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from minizaps.brokers.broker import Broker
from minizaps.brokers.open import open_broker
from minizaps.brokers.publisher import Publisher
from minizaps.clock import Clock
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials.consent import Consents
from minizaps.credentials.open import drop_unused, open_keyring, own_key_file, rotating, sources_of
from minizaps.credentials.tokens import Tokens
from minizaps.credentials.vault import Resealed, Vault
from minizaps.engine.attempt import Tools
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import Conflict
from minizaps.ids import uuid7
from minizaps.journal.access import DEFAULT_PROJECT, Access
from minizaps.journal.catalog import Catalog
from minizaps.journal.credentials import Credentials
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.listeners import Listeners
from minizaps.journal.listings import Listings
from minizaps.journal.membership import Membership
from minizaps.journal.open import open_database
from minizaps.journal.records import NewRun, Started
from minizaps.journal.signals import Signals
from minizaps.journal.triggers import Triggers
from minizaps.metrics import RUNS_STARTED, labelled
from minizaps.settings import Settings
from minizaps.worker.claimer import Claimer, Sweeper
from minizaps.worker.consumer import Door
from minizaps.worker.consumers import Consumers
from minizaps.worker.duties import Duty, repeat
from minizaps.worker.follow_up import FollowUp
from minizaps.worker.heartbeat import Heartbeat
from minizaps.worker.mailboxes import Mailboxes
from minizaps.worker.poller import Poller
from minizaps.worker.pruner import Pruner
from minizaps.worker.rescuer import Rescuer
from minizaps.worker.scheduler import Scheduler
from minizaps.worker.waker import wakers
from minizaps.worker.watcher import Post
from minizaps.worker.worker import Worker

POLLERS = 4  # sources that a process reads at a time


@dataclass(frozen=True)
class App:
    """An open installation.

    Attributes:
        worker: the worker of this process; None where it only takes runs in.
    """

    settings: Settings
    clock: Clock
    journal: Journal
    signals: Signals
    triggers: Triggers
    listeners: Listeners
    catalog: Catalog
    access: Access
    listings: Listings
    vault: Vault
    consents: Consents
    dial: Dialler
    engine: WorkflowEngine
    worker: Worker | None

    def door(self) -> Door:
        """What takes messages of queues in."""
        return Door(
            self.listeners,
            self.engine,
            self.start,
            self.vault,
            self.dial,
            self.clock.now,
            self.settings.max_body_bytes,
            uuid7(),
        )

    def post(self) -> Post:
        """What watches mailboxes."""
        return Post(self.triggers, self.engine, self.vault, self.dial, self.clock)

    async def rotate_keys(self) -> Resealed:
        """Encrypt all credentials under the first secret key.

        Where the key is the data folder's own, it is replaced by a new one first.

        Raises:
            Conflict: another rotation is under way.
        """
        if (own := own_key_file(self.settings)) is None:
            return await self.vault.reseal()
        with rotating(own):
            resealed = await self.vault.reseal()
            drop_unused(own, resealed.keys)
        return resealed

    async def start(self, new: NewRun) -> Started:
        """Accept a run; this process's worker takes it at once if it has a free place, and the
        run has no limits.

        Raises:
            IdempotencyMismatch, Conflict, JournalUnavailable: as `Journal.start`.
        """
        worker = self.worker
        if worker is None or new.limits is not None or not worker.reserve(new.project):
            started = await self.journal.start(new)
        else:
            claimed = None
            try:
                started = await self.journal.start(new, worker=worker.name)
                claimed = started.claimed
            finally:
                worker.fill(new.project, claimed)
        if started.created:
            labelled(RUNS_STARTED, new.trigger["type"]).inc()
        return started


@asynccontextmanager
async def open_app(
    settings: Settings, *, clock: Clock | None = None, worker: bool = True
) -> AsyncIterator[App]:
    """Open the installation that the settings name, and run its worker.

    Args:
        clock: the time for everything; the database's if left out.
        worker: whether this process drives runs.

    Raises:
        JournalUnavailable: the database cannot be opened.
        SettingsInvalid: a library for a database or broker is missing, or the server is not safe.
        WorkerLocked: another worker runs on the same SQLite file.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        connections = settings.database_connections
        database = await open_database(settings.database, connections=connections)
        stack.push_async_callback(database.close)
        http = HttpClient(
            allow_networks=settings.networks, max_response_bytes=settings.max_response_bytes
        )
        stack.push_async_callback(http.close)
        dial = Dialler(allow_networks=settings.networks)
        stack.push_async_callback(dial.aclose)
        app = _compose(settings, clock or database.clock, database, http, dial, worker=worker)
        stack.push_async_callback(app.vault.close)
        if not any(p.id == DEFAULT_PROJECT for p in await app.access.projects()):
            await _first_project(app.access)
        broker = None
        if settings.broker_url:
            broker = open_broker(settings.broker_url)
            stack.push_async_callback(broker.close)
            publisher = Publisher(broker)
            stack.push_async_callback(publisher.close)  # what the drained worker has given back
            app.journal.on_queued = publisher.queued
            await stack.enter_async_context(_repeating(publisher))
        if app.worker is not None:
            membership = database.membership(app.clock, app.journal)
            await stack.enter_async_context(_working(app, app.worker, membership, broker))
        yield app


async def _first_project(access: Access) -> None:
    with suppress(Conflict):  # another process has started at the same moment
        await access.create_project(DEFAULT_PROJECT)


def _compose(
    settings: Settings,
    clock: Clock,
    database: Database,
    http: HttpClient,
    dial: Dialler,
    *,
    worker: bool,
) -> App:
    kept, keyring = Credentials(database, clock), open_keyring(settings)
    tokens = Tokens(kept, keyring, http, clock)
    vault = Vault(
        kept, keyring, sources_of(settings), tokens, WorkflowEngine.credential_types(), clock
    )
    tools = Tools(http, dial, vault, clock, settings.max_output_bytes, settings.base_url)
    journal, catalog = Journal(database, clock), Catalog(database, clock)
    signals = Signals(database, journal, clock)
    engine = WorkflowEngine(journal, signals, catalog, tools, max_events=settings.max_events)
    return App(
        settings=settings,
        clock=clock,
        journal=journal,
        signals=signals,
        triggers=Triggers(database, journal, clock),
        listeners=Listeners(database, clock),
        catalog=catalog,
        access=Access(database, clock),
        listings=Listings(database),
        vault=vault,
        consents=Consents(vault, kept, keyring, tokens, http, clock, settings.base_url),
        dial=dial,
        engine=engine,
        worker=Worker(journal, engine, concurrency=settings.concurrency) if worker else None,
    )


@asynccontextmanager
async def _working(
    app: App, worker: Worker, membership: Membership, broker: Broker | None
) -> AsyncIterator[None]:
    """Run the worker's duties; drain it at the end."""
    settings, journal = app.settings, app.journal
    pruner = Pruner(
        journal,
        app.clock,
        run_days=settings.run_retention_days,
        dead_letter_days=settings.dead_letter_retention_days,
        idempotency_hours=settings.idempotency_hours,
    )
    rescuer = Rescuer(journal, membership, worker)
    finder = Claimer(journal, worker) if broker is None else Sweeper(journal, worker)
    await membership.join(worker.name)
    await rescuer.recover()
    async with _repeating(
        Heartbeat(membership, worker),
        *wakers(journal, app.clock),
        Scheduler(app.triggers, app.engine, app.clock),
        *(Poller(app.triggers, app.engine, app.clock) for _ in range(POLLERS)),
        FollowUp(journal),
        rescuer,
        pruner,
    ):
        async with (
            _repeating(finder),
            _consuming(broker, worker),
            Consumers(app.door()) as consumers,
            Mailboxes(app.post()) as mailboxes,
            _repeating(consumers, mailboxes),
        ):
            yield
        await worker.drain(settings.shutdown_grace)
        await membership.leave()


@asynccontextmanager
async def _consuming(broker: Broker | None, worker: Worker) -> AsyncIterator[None]:
    if broker is None:
        yield
        return
    async with _running(broker.consume(worker.claim_known)):
        yield


@asynccontextmanager
async def _repeating(*duties: Duty) -> AsyncIterator[None]:
    async with _running(*(repeat(duty.run_once, duty.pause) for duty in duties)):
        yield


@asynccontextmanager
async def _running(*forever: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(coroutine) for coroutine in forever]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
