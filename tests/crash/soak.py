"""The soak: many runs of five steps while workers are killed, all of which have to end.

`python -m tests.crash.soak --seed N [--runs N] [--kill-every SECONDS]`
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import aiohttp

from tests.servers.postgres import PostgresServer

from .evidence import count_live, select
from .fleet import Fleet
from .server import Server, SinkProcess

POSTERS = 64
LOOK_EVERY = 15.0
DRAINED_WITHIN = 300.0
MOST_LIVE = 3000  # runs, above which no more are started for a moment
GROWTH = 1.3  # of a process' memory from the first quarter to the end
STEPS = [
    {"id": "a", "type": "set", "config": {"values": {"n": "{{ trigger.body.n }}"}}},
    {"id": "b", "type": "webhook", "config": {"method": "POST", "url": "URL/{{ run.id }}/b"}},
    {"id": "c", "type": "delay", "config": {"seconds": 0.5}},
    {"id": "d", "type": "set", "config": {"values": {"m": "{{ n + 1 }}"}}},
    {"id": "e", "type": "set", "config": {"values": {"done": "{{ m }}"}}},
]


class Soak:
    """Starts runs until there are enough, and watches the memory of the processes."""

    def __init__(self, fleet: Fleet, database: str, runs: int, rng: random.Random) -> None:
        self.fleet = fleet
        self.database = database
        self.memory: dict[str, list[float]] = {}
        self.kills = 0
        self._left = runs
        self._runs = runs
        self._room = asyncio.Event()
        self._rng = rng

    async def run(self, sink: str, kill_every: float) -> float:
        """Start all runs; return the seconds that it took until the last had been accepted."""
        headers = {"Authorization": f"Bearer {self.fleet.key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            steps = [{**s, "config": {**s["config"]}} for s in STEPS]
            steps[1]["config"]["url"] = f"{sink}/ok/{{{{ run.id }}}}/b"
            body = {"name": "soak", "triggers": [{"type": "webhook"}], "steps": steps}
            url = f"{self.fleet.doors[0].url}/api/v1/workflows"
            async with session.post(url, json=body) as response:
                hook = "/hooks/" + (await response.json())["triggers"][0]["url"].rpartition("/")[2]
            began = time.monotonic()
            killing = asyncio.create_task(self._kill(kill_every))
            watching = asyncio.create_task(self._watch(began))
            holding = asyncio.create_task(self._hold_back())
            await asyncio.gather(*(self._post(session, hook) for _ in range(POSTERS)))
            took = time.monotonic() - began
            for task in (killing, holding):
                task.cancel()
            await asyncio.gather(killing, holding, return_exceptions=True)
            await self.fleet.start()
            await self._drain()
            watching.cancel()
            self._note()
            return took

    async def _post(self, session: aiohttp.ClientSession, hook: str) -> None:
        while self._left > 0:
            await self._room.wait()
            self._left -= 1
            number = self._left
            answered = False
            while not answered:
                url = self._rng.choice(self.fleet.doors).url + hook
                headers = {"webhook-id": f"run-{number}"}
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.post(url, json={"n": number}, headers=headers) as response:
                        answered = response.status == 202
                if not answered:
                    await asyncio.sleep(0.1)

    async def _hold_back(self) -> None:
        """Let no more runs start than are driven, so that the memory is that of a steady load."""
        while True:
            if await count_live(self.database) < MOST_LIVE:
                self._room.set()
            else:
                self._room.clear()
            await asyncio.sleep(0.5)

    async def _kill(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            worker = self._rng.choice(self.fleet.workers)
            await worker.kill("a random moment")
            self.kills += 1
            print(f"kill {self.kills}", flush=True)
            await worker.start()

    async def _watch(self, began: float) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._note()
            present = [_life(server) for server in self.fleet.all if server.running]
            shown = "  ".join(f"{name} {self.memory[name][-1]:.0f}" for name in present)
            seconds, started = time.monotonic() - began, self._runs - self._left
            print(f"{seconds:5.0f} s  {started:7d} runs  MiB: {shown}", flush=True)

    def _note(self) -> None:
        for server in self.fleet.all:
            if server.running:
                self.memory.setdefault(_life(server), []).append(_resident(server))

    async def _drain(self) -> None:
        async with asyncio.timeout(DRAINED_WITHIN):
            while await count_live(self.database):
                await asyncio.sleep(0.2)

    async def problems(self) -> list[str]:
        """What is not as it should be."""
        rows = await select(self.database, "SELECT status, count(*) FROM runs GROUP BY status")
        counts = {status: int(count) for status, count in rows}
        found = [] if counts == {"succeeded": self._runs} else [f"the runs have ended as {counts}"]
        done = "SELECT count(*) FROM events WHERE kind = 'complete'"
        ((completed,),) = await select(self.database, done)
        if completed != len(STEPS) * self._runs:
            found.append(f"{completed} steps are complete, not {len(STEPS) * self._runs}")
        for name, sizes in self.memory.items():
            early = max(sizes[: max(2, len(sizes) // 4)])
            if len(sizes) >= 8 and sizes[-1] > GROWTH * early:
                found.append(f"{name} grew from {early:.0f} to {sizes[-1]:.0f} MiB")
        return found


def _life(server: Server) -> str:
    """The name of a process, with the number of its start."""
    return f"{server.folder.name}.{len(server.lives)}"


def _resident(server: Server) -> float:
    """The memory of a process, in MiB."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def soak(seed: int, runs: int, kill_every: float, folder: Path) -> list[str]:
    """Run the soak; return what is not as it should be."""
    rng = random.Random(seed)
    disk = Path(tempfile.gettempdir())
    with PostgresServer(folder=disk, settings={"max_wal_size": "1GB"}) as postgres:
        database = postgres.create_database("soak")
        fleet = Fleet(folder, MINIZAPS_DATABASE_URL=database)
        async with SinkProcess(folder) as sink:
            await fleet.start()
            try:
                soaking = Soak(fleet, database, runs, rng)
                took = await soaking.run(sink.url, kill_every)
                problems = await soaking.problems()
            finally:
                await fleet.stop()
    print(f"{runs} runs in {took:.0f} s ({runs / took:.0f} a second), {soaking.kills} kills")
    for name, sizes in soaking.memory.items():
        print(
            f"  {name}: {sizes[0]:.0f} MiB at first, {max(sizes):.0f} at most, {sizes[-1]:.0f} last"
        )
    return problems


def main() -> int:
    """Run the soak and print what it came to; 0 only if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--kill-every", type=float, default=50.0)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory(prefix="minizaps-soak-") as folder:
        problems = asyncio.run(soak(chosen.seed, chosen.runs, chosen.kill_every, Path(folder)))
    for problem in problems:
        print(f"VIOLATION {problem}")
    print(f"{'FAIL' if problems else 'PASS'} (seed {chosen.seed})")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
