"""One campaign on Postgres: a fleet under steady load, and trouble again and again."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.daemon import Daemon
from tests.servers.postgres import PostgresServer

from .client import Client
from .cutter import Cutter
from .evidence import Evidence, count_live, read_answers, read_calls, read_runs
from .fleet import Fleet
from .server import Hung, SinkProcess
from .small_disk import small_disk
from .troubles import TROUBLES, Stage
from .turn_log import keep_turns, read_turns
from .workflows import MIX

DISK = Path(tempfile.gettempdir())  # where fsync costs what it costs
ANSWERED_WITHIN = 30.0
DRAINED_WITHIN = 90.0


@dataclass(frozen=True)
class FleetScenario:
    """What a campaign on Postgres does.

    Attributes:
        troubles: the names of what happens, in turns, each turn in another order.
        times: how often something happens.
        sabotage: the promises that the processes break, with commas between them.
        least: runs that have to be acknowledged before the end.
    """

    seed: int
    troubles: tuple[str, ...]
    times: int
    sabotage: str | None = None
    posters: int = 6
    mix: tuple[str, ...] = MIX
    cancel_share: float = 0.15
    doors: int = 2
    workers: int = 4
    least: int = 60


async def run_fleet(
    scenario: FleetScenario,
    folder: Path,
    broker: Daemon | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Evidence:
    """Run a campaign in an empty folder; return what it left.

    Raises:
        Hung: something did not happen in time.
    """
    rng = random.Random(scenario.seed)
    async with AsyncExitStack() as stack:
        disk = DISK
        if "disk" in scenario.troubles:
            disk = stack.enter_context(small_disk())
        postgres = stack.enter_context(PostgresServer(folder=disk))
        direct = postgres.create_database("crash")
        cutter = await stack.enter_async_context(Cutter(postgres.port, rng))
        sink = await stack.enter_async_context(SinkProcess(folder))
        url = urlsplit(direct)
        through = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{cutter.port}"))
        settings = {"MINIZAPS_DATABASE_URL": through.geturl()}
        if broker is not None:
            settings["MINIZAPS_BROKER_URL"] = broker.url
        fleet = Fleet(
            folder,
            scenario.sabotage,
            doors=scenario.doors,
            workers=scenario.workers,
            **settings,
        )
        if broker is not None and "broker" in scenario.troubles:
            broker.kill()  # the first trouble: it is not there when they start
        await fleet.start()
        await keep_turns(direct)
        client = Client([door.url for door in fleet.doors], fleet.key, direct, rng)
        stage = Stage(rng, fleet, postgres, "crash", cutter, broker)
        try:
            await client.create_workflows(sink.url)
            client.start(scenario.posters, scenario.mix, scenario.cancel_share)
            await asyncio.sleep(1)
            if broker is not None and not broker.running:
                await asyncio.sleep(3)
                await asyncio.to_thread(broker.start)
            for number, trouble in enumerate(_turns(scenario, rng), 1):
                await TROUBLES[trouble](stage)
                say(f"trouble {number}: {trouble}")
            async with asyncio.timeout(DRAINED_WITHIN):
                while sum(bool(post.run_ids) for post in client.posts) < scenario.least:
                    await asyncio.sleep(0.1)
            await _settle(client, fleet, direct)
            found = await fleet.found()
        finally:
            await client.close()
            await fleet.stop()
        runs = await read_runs(direct)
        lives = [life for server in fleet.all for life in server.lives]
        calls = read_calls(sink.log)
        return Evidence(
            client.posts, client.cancels, calls, lives, runs, stage.seen, client.replays, found,
            read_answers(sink.answers), await read_turns(direct),
        )  # fmt: skip


def _turns(scenario: FleetScenario, rng: random.Random) -> Iterator[str]:
    names = scenario.troubles
    turns = chain.from_iterable(rng.sample(names, len(names)) for _ in count())
    return islice(turns, scenario.times)


async def _settle(client: Client, fleet: Fleet, database: str) -> None:
    """Start what is away, wait for the last answers, then for the last runs."""
    await fleet.start()
    try:
        await client.finish(ANSWERED_WITHIN)
    except TimeoutError:
        raise Hung(f"requests were not answered within {ANSWERED_WITHIN:g} s") from None
    for worker in fleet.workers:  # one with a failpoint may die now
        await worker.live(0)
    patience = time.monotonic() + DRAINED_WITHIN
    while time.monotonic() < patience:
        await fleet.start()
        with suppress(OSError):
            if not await count_live(database):
                return
        await asyncio.sleep(0.1)
