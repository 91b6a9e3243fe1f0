"""What is done to the processes of a fleet and to their servers."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.servers.daemon import Daemon
from tests.servers.postgres import PostgresServer

from .cutter import Cutter
from .evidence import Trouble
from .fencing import said, until_judged, until_said
from .fleet import Fleet
from .server import now
from .small_disk import fill

FAILPOINTS = ("commit.before", "commit.after", "effect.before", "effect.after")
DISK_SAID = 20.0  # seconds until the doors know what has become of the disk
PAST_LEASE = 20.0  # seconds of a pause


@dataclass
class Stage:
    """What the troubles reach.

    Attributes:
        seen: the troubles so far.
    """

    rng: random.Random
    fleet: Fleet
    postgres: PostgresServer
    database: str
    cutter: Cutter
    broker: Daemon | None = None
    seen: list[Trouble] = field(default_factory=list)

    def note(self, what: str, *, excuses: bool = True) -> None:
        """Write down what is about to be done."""
        self.seen.append(Trouble(now(), what, excuses))


async def kill_worker(stage: Stage) -> None:
    """SIGKILL for a worker, and another start, perhaps with a failpoint armed."""
    await stage.fleet.start()  # those that have died at their failpoints
    worker = stage.rng.choice(stage.fleet.workers)
    stage.note("kill -9 of a worker", excuses=False)
    await worker.kill("a random moment")
    await asyncio.sleep(stage.rng.uniform(0, 0.5))
    armed = stage.rng.random() < 0.5
    failpoint = f"{stage.rng.choice(FAILPOINTS)}:{stage.rng.choice((1, 2, 5, 20))}"
    await worker.start(failpoint if armed else None)
    if not armed:
        await asyncio.sleep(stage.rng.uniform(0, 1.5))


async def stop_postgres(stage: Stage) -> None:
    """`pg_ctl stop -m immediate`, and a start."""
    stage.note("the database stops at once")
    await asyncio.to_thread(stage.postgres.stop, "immediate")
    await asyncio.sleep(stage.rng.uniform(0, 3))
    await asyncio.to_thread(stage.postgres.start)
    stage.note("the database is back")
    await asyncio.sleep(stage.rng.uniform(1, 3))


async def terminate_sessions(stage: Stage) -> None:
    """`pg_terminate_backend` of some sessions, whoever's they are."""
    stage.note("sessions are terminated")
    most = stage.rng.randint(1, 5)
    await asyncio.to_thread(stage.postgres.terminate_backends, stage.database, most)
    await asyncio.sleep(stage.rng.uniform(0.05, 0.5))


async def cut_answers(stage: Stage) -> None:
    """Connections end after a statement was sent and before its answer came."""
    stage.note("answers are lost")
    stage.cutter.cut(stage.rng.randint(1, 10))
    await asyncio.sleep(stage.rng.uniform(0.1, 1.0))


async def pause_worker(stage: Stage) -> None:
    """SIGSTOP for longer than a lease, then SIGCONT."""
    await stage.fleet.start()  # those that have died at their failpoints
    worker = stage.rng.choice(stage.fleet.workers)
    stage.note("a worker is paused")
    before = said(worker)
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(PAST_LEASE)
    await until_judged(stage.postgres.url(stage.database))
    stage.note("it goes on")
    worker.signal(signal.SIGCONT)
    await until_said(worker, before)
    await asyncio.sleep(2)


async def stop_worker(stage: Stage) -> None:
    """SIGTERM for a worker, as at a deploy, and another start."""
    worker = stage.rng.choice(stage.fleet.workers)
    stage.note("SIGTERM of a worker")  # a claim that was under way is rescued from it
    await (worker.stop() if worker.running else worker.kill("itself"))
    await worker.start()


async def kill_broker(stage: Stage) -> None:
    """The broker dies with all its messages, is away for a while, and comes back empty."""
    assert stage.broker is not None
    stage.note("the broker dies", excuses=False)
    await asyncio.to_thread(stage.broker.kill)
    await asyncio.sleep(stage.rng.uniform(0, 5))
    await asyncio.to_thread(stage.broker.start)
    with suppress(Exception):  # a queue that is just being recovered cannot be emptied
        await stage.broker.flush()
    await asyncio.sleep(stage.rng.uniform(1, 3))


async def fill_disk(stage: Stage) -> None:
    """The database's disk is full for a while; the doors have to say that they are not ready."""
    stage.note("the disk is full")
    ballast = await asyncio.to_thread(fill, stage.postgres.folder.parent)
    try:
        await stage.fleet.until_ready(False, DISK_SAID)
        await asyncio.sleep(stage.rng.uniform(1, 4))
    finally:
        ballast.unlink()
    stage.note("there is room again")
    if not stage.postgres.running:
        await asyncio.to_thread(stage.postgres.start)
        stage.note("the database is back")
    await stage.fleet.until_ready(True, DISK_SAID)
    await asyncio.sleep(stage.rng.uniform(1, 3))


TROUBLES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "kill": kill_worker,
    "postgres": stop_postgres,
    "terminate": terminate_sessions,
    "cut": cut_answers,
    "pause": pause_worker,
    "deploy": stop_worker,
    "broker": kill_broker,
    "disk": fill_disk,
}
