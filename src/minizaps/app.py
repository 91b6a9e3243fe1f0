"""The composition root: everything that one process runs, put together."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from minizaps.clock import Clock, SystemClock
from minizaps.connectors.outbound import HttpClient
from minizaps.engine.attempt import Tools
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import WorkerLocked
from minizaps.journal.access import DEFAULT_PROJECT, Access
from minizaps.journal.catalog import Catalog
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.listings import Listings
from minizaps.journal.records import NewRun, Started
from minizaps.metrics import RUNS_STARTED, labelled
from minizaps.settings import Settings
from minizaps.worker.claimer import Claimer
from minizaps.worker.duties import repeat
from minizaps.worker.pruner import Pruner
from minizaps.worker.rescuer import Rescuer
from minizaps.worker.waker import Waker
from minizaps.worker.worker import Worker


@dataclass(frozen=True)
class App:
    """An open installation.

    Attributes:
        worker: the worker of this process; None where it only takes runs in.
    """

    settings: Settings
    clock: Clock
    journal: Journal
    catalog: Catalog
    access: Access
    listings: Listings
    engine: WorkflowEngine
    worker: Worker | None

    async def start(self, new: NewRun) -> Started:
        """Accept a run; this process's worker takes it at once if it has a free place.

        Raises:
            IdempotencyMismatch, Conflict, JournalUnavailable: as `Journal.start`.
        """
        worker = self.worker
        if worker is None or not worker.reserve(new.project):
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
        worker: whether this process drives runs.

    Raises:
        JournalUnavailable: the database cannot be opened.
        WorkerLocked: another worker runs on the same database.
    """
    clock = clock or SystemClock()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = await Database.open(settings.database_path)
    http = HttpClient(
        allow_networks=settings.networks, max_response_bytes=settings.max_response_bytes
    )
    try:
        app = _compose(settings, clock, database, http, worker=worker)
        if not any(p.id == DEFAULT_PROJECT for p in await app.access.projects()):
            await app.access.create_project(DEFAULT_PROJECT)
        if app.worker is None:
            yield app
        else:
            with _lock(settings.database_path):
                async with _working(app, app.worker):
                    yield app
    finally:
        await http.close()
        await database.close()


def _compose(
    settings: Settings, clock: Clock, database: Database, http: HttpClient, *, worker: bool
) -> App:
    journal, catalog = Journal(database, clock), Catalog(database, clock)
    tools = Tools(http, clock, settings.max_output_bytes)
    engine = WorkflowEngine(journal, catalog, tools, max_events=settings.max_events)
    return App(
        settings=settings,
        clock=clock,
        journal=journal,
        catalog=catalog,
        access=Access(database, clock),
        listings=Listings(database),
        engine=engine,
        worker=Worker(journal, engine, concurrency=settings.concurrency) if worker else None,
    )


@asynccontextmanager
async def _working(app: App, worker: Worker) -> AsyncIterator[None]:
    """Run the worker's duties; drain it at the end."""
    settings = app.settings
    claimer, waker = Claimer(app.journal, worker), Waker(app.journal, app.clock)
    rescuer = Rescuer(app.journal, worker)
    pruner = Pruner(
        app.journal,
        app.clock,
        run_days=settings.run_retention_days,
        idempotency_hours=settings.idempotency_hours,
    )
    await rescuer.recover()
    duties = [
        asyncio.create_task(repeat(duty.run_once, duty.pause))
        for duty in (claimer, waker, rescuer, pruner)
    ]
    try:
        yield
    finally:
        await worker.drain(settings.shutdown_grace)
        for duty in duties:
            duty.cancel()
        await asyncio.gather(*duties, return_exceptions=True)


@contextmanager
def _lock(database: Path) -> Iterator[None]:
    """Be the only worker on this database; the lock goes with the process, however it ends."""
    path = database.with_name(database.name + ".worker")
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise WorkerLocked(
            f"another Mini-Zaps server runs on {database}: stop it, or take another "
            "MINIZAPS_DATA_DIR"
        ) from None
    try:
        yield
    finally:
        os.close(handle)
