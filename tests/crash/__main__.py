"""The crash campaigns.

On SQLite: `python -m tests.crash --seed N [--kills N] [--minutes M] [--sabotage NAME]`.
On Postgres: `python -m tests.crash --seed N --troubles kill,postgres,... [--times N]
[--broker rabbitmq|redis] [--sabotage NAME]`; `--race ROUNDS` has 32 workers race for one run.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.redis import RedisServer

from .campaign import Scenario, run_campaign
from .checker import check
from .evidence import Evidence
from .figures import figures
from .fleet_campaign import FleetScenario, run_fleet
from .race import race
from .sabotage import SABOTAGES
from .server import Hung
from .troubles import TROUBLES

SHOWN = 300
BROKERS = {"rabbitmq": RabbitMQServer, "redis": RedisServer}


def main() -> int:
    """Run a campaign and print what it came to; 0 only if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="crash")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=None, help="stop killing after this")
    parser.add_argument("--sabotage", help=f"break some of {', '.join(SABOTAGES)}, to see red")
    parser.add_argument("--troubles", help=f"on Postgres: some of {', '.join(TROUBLES)}")
    parser.add_argument("--times", type=int, default=100, help="how many of the troubles")
    parser.add_argument("--broker", choices=BROKERS)
    parser.add_argument("--race", type=int, metavar="ROUNDS", help="32 claimers, one run a round")
    chosen = parser.parse_args()
    if chosen.race:
        return _race(chosen.race)
    if unknown := set((chosen.troubles or "kill").split(",")) - TROUBLES.keys():
        parser.error(f"no such trouble: {', '.join(unknown)}")
    if unknown := set((chosen.sabotage or "fence").split(",")) - SABOTAGES.keys():
        parser.error(f"no such sabotage: {', '.join(unknown)}")
    scenario = Scenario(chosen.seed, chosen.kills, chosen.minutes, chosen.sabotage)
    print(f"seed {scenario.seed}")
    folder = Path(tempfile.mkdtemp(prefix="minizaps-crash-"))
    started = time.monotonic()
    try:
        evidence = asyncio.run(
            _run_fleet(chosen, folder) if chosen.troubles else _run(scenario, folder)
        )
    except (Hung, TimeoutError) as error:
        why = str(error) or "the campaign did not end in time"
        print(f"FAIL (seed {scenario.seed}): {why}\nlogs and data: {folder}")
        return 1
    print(f"took: {time.monotonic() - started:.0f} s")
    for name, value in figures(evidence).items():
        print(f"{name}: {value}")
    violations = check(evidence)
    for violation in violations[:SHOWN]:
        print(f"VIOLATION {violation}")
    if len(violations) > SHOWN:
        print(f"... and {len(violations) - SHOWN} more")
    verdict = f"FAIL: {len(violations)} violations" if violations else "PASS"
    print(f"{verdict} (seed {scenario.seed})")
    if violations:
        print(f"logs and data: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if violations else 0


def _race(rounds: int) -> int:
    with PostgresServer() as server:
        winners = Counter(asyncio.run(race(server.create_database("race"), rounds)))
    print(f"winners a round: {dict(winners)}")
    print("PASS" if winners == {1: rounds} else "FAIL")
    return 0 if winners == {1: rounds} else 1


async def _run(scenario: Scenario, folder: Path) -> Evidence:
    async with asyncio.timeout(180 + 30 * scenario.kills):
        return await run_campaign(scenario, folder, _say)


async def _run_fleet(chosen: argparse.Namespace, folder: Path) -> Evidence:
    troubles = tuple(chosen.troubles.split(","))
    scenario = FleetScenario(chosen.seed, troubles, chosen.times, chosen.sabotage)
    with BROKERS[chosen.broker]() if chosen.broker else nullcontext() as broker:
        async with asyncio.timeout(300 + 30 * scenario.times):
            return await run_fleet(scenario, folder, broker, _say)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
