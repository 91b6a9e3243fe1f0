"""Several processes on one Postgres: two that take runs in, four that drive them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .server import Hung, Server

APIS = 2
WORKERS = 4


class Fleet:
    """The processes of an installation.

    Attributes:
        doors: those that take runs in.
        workers: those that drive them.
    """

    def __init__(self, folder: Path, sabotage: str | None, **settings: str) -> None:
        self.doors = [
            Server(_own(folder, f"api-{n}"), sabotage, "serve --no-worker", **settings)
            for n in range(APIS)
        ]
        self.workers = [
            Server(_own(folder, f"worker-{n}"), sabotage, "worker", **settings)
            for n in range(WORKERS)
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

    async def stop(self) -> None:
        """Stop them all, the doors first."""
        for server in self.all:
            await (server.stop() if server.running else server.kill("itself"))


def _own(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place
