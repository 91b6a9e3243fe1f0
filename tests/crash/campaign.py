"""One campaign: start, post, kill, start again; at the end drain and collect the evidence."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .client import Client
from .evidence import Evidence, count_live, read_answers, read_calls, read_runs
from .server import Hung, Server, SinkProcess
from .turn_log import keep_turns, read_turns
from .workflows import MIX

FAILPOINTS = ("commit.before", "commit.after", "effect.before", "effect.after", "recovery")
ANSWERED_WITHIN = 30.0
DRAINED_WITHIN = 60.0


@dataclass(frozen=True)
class Scenario:
    """What a campaign does.

    Attributes:
        minutes: the longest time for killing; None for no limit.
        sabotage: the promises that the server breaks, with commas between them.
        failpoints: where it is killed, beside random moments.
        failpoint_share: the share of kills that are left to failpoints.
        stop_share: the share of "kills" that are an orderly SIGTERM.
        linger: seconds of the last life before the runs are drained.
    """

    seed: int
    kills: int = 100
    minutes: float | None = None
    sabotage: str | None = None
    failpoints: tuple[str, ...] = FAILPOINTS
    failpoint_share: float = 0.6
    stop_share: float = 0.1
    posters: int = 4
    mix: tuple[str, ...] = MIX
    cancel_share: float = 0.25
    linger: float = 1.0


async def run_campaign(
    scenario: Scenario, folder: Path, say: Callable[[str], None] = lambda _: None
) -> Evidence:
    """Run a campaign in an empty folder; return what it left.

    Raises:
        Hung: something did not happen in time.
    """
    rng = random.Random(scenario.seed)
    server = Server(folder, scenario.sabotage)
    async with SinkProcess(folder) as sink:
        if not await server.start():
            raise Hung("the server did not come up: see launcher.log")
        await keep_turns(server.database)
        client = Client([server.url], server.key, server.database, rng)
        try:
            await client.create_workflows(sink.url)
            client.start(scenario.posters, scenario.mix, scenario.cancel_share)
            await _kill_often(scenario, server, rng, say)
            await server.live(scenario.linger)
            await _settle(client, server)
        finally:
            await client.close()
            await (server.stop() if server.running else server.kill("itself"))
    calls = read_calls(sink.log)
    runs = await read_runs(server.database)
    return Evidence(
        client.posts, client.cancels, calls, server.lives, runs, [], client.replays,
        answers=read_answers(sink.answers), turns=await read_turns(server.database),
    )  # fmt: skip


async def _kill_often(
    scenario: Scenario, server: Server, rng: random.Random, say: Callable[[str], None]
) -> None:
    """Kill the server as often as is asked for, and leave it running."""
    end = None if scenario.minutes is None else time.monotonic() + 60 * scenario.minutes
    await server.live(rng.uniform(0.2, 0.8))
    for number in range(scenario.kills):
        if server.up and rng.random() < scenario.stop_share:
            await server.stop()
        else:
            await server.kill("a random moment")
        say(f"kill {number + 1}: {server.lives[-1].how}")
        if number + 1 == scenario.kills or (end is not None and time.monotonic() > end):
            break
        await _one_life(scenario, server, rng)
    if not server.running and not await server.start():
        raise Hung("the server did not come up: see launcher.log")


async def _one_life(scenario: Scenario, server: Server, rng: random.Random) -> None:
    """Start the server and let it run until its death is due."""
    if rng.random() < scenario.failpoint_share:
        name = rng.choice(scenario.failpoints)
        count = 1 if name == "recovery" else rng.choice((1, 2, 5, 10, 20, 40))
        if await server.start(f"{name}:{count}"):
            await server.live(3.0)
    elif rng.random() < 0.15:  # a death before it has come up
        await server.start(wait=False)
        await server.live(rng.uniform(0.5, 2.5))
    elif await server.start():
        await server.live(rng.uniform(0.0, 1.2))


async def _settle(client: Client, server: Server) -> None:
    """Wait for the last answers, then for the last runs."""
    try:
        await client.finish(ANSWERED_WITHIN)
    except TimeoutError:
        raise Hung(f"requests were not answered within {ANSWERED_WITHIN:g} s") from None
    patience = time.monotonic() + DRAINED_WITHIN
    while await count_live(server.database) and time.monotonic() < patience:
        await asyncio.sleep(0.1)
