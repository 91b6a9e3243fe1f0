"""Several processes on one Postgres: some take runs in, others drive them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import aiohttp

from .server import Hung, Server, free_port

CLAIMED = re.compile(r'^minizaps_runs_claimed_total\{found="(\w+)"\} (\S+)$', re.M)


class Fleet:
    """The processes of an installation.

    Attributes:
        doors: those that take runs in.
        workers: those that drive them.
    """

    def __init__(
        self,
        folder: Path,
        sabotage: str | None = None,
        *,
        doors: int = 2,
        workers: int = 4,
        **settings: str,
    ) -> None:
        self._metrics = [free_port() for _ in range(workers)]
        self.doors = [
            Server(_own(folder, f"api-{n}"), sabotage, "serve --no-worker", **settings)
            for n in range(doors)
        ]
        self.workers = [
            Server(
                _own(folder, f"worker-{n}"),
                sabotage,
                "worker",
                **settings,
                MINIZAPS_METRICS_PORT=str(port),
                MINIZAPS_PUBLIC_URL=self.doors[0].url,  # where answers are to go
                MINIZAPS_ALLOW_NETWORKS="127.0.0.0/8",
            )
            for n, port in enumerate(self._metrics)
        ]

    @property
    def all(self) -> list[Server]:
        """Every process."""
        return [*self.doors, *self.workers]

    @property
    def key(self) -> str:
        """The admin key that one of the first starts has shown."""
        return next(door.key for door in self.doors if door.key)

    async def start(self) -> None:
        """Start every process that does not run, all at once.

        Raises:
            Hung: one did not come up.
        """
        away = [server for server in self.all if not server.running]
        for server in away:
            if server.lives and not server.lives[-1].how:
                await server.kill("itself")
        if not all(await asyncio.gather(*(server.start() for server in away))):
            raise Hung("a process did not come up: see its launcher.log")

    async def until_ready(self, wanted: bool, seconds: float) -> None:
        """Wait until each door says that it is ready, or that it is not.

        Raises:
            Hung: one did not say so in time.
        """
        try:
            async with asyncio.timeout(seconds), aiohttp.ClientSession() as session:
                for door in self.doors:
                    url = f"{door.url}/health/ready"
                    while await _status(session, url) != (200 if wanted else 503):
                        await asyncio.sleep(0.1)
        except TimeoutError:
            said = "ready" if wanted else "not ready"
            raise Hung(f"a door did not say within {seconds:g} s that it is {said}") from None

    async def found(self) -> dict[str, int]:
        """How many runs the present workers have claimed, by how they found them."""
        counts: Counter[str] = Counter()
        async with aiohttp.ClientSession() as session:
            for port in self._metrics:
                async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                    for way, count in CLAIMED.findall(await response.text()):
                        counts[way] += int(float(count))
        return dict(counts)

    async def stop(self) -> None:
        """Stop them all, the doors first."""
        for server in self.all:
            await (server.stop() if server.running else server.kill("itself"))


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return response.status


def _own(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place
