"""The ways to lay out an installation: which database, how many processes, which broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.servers.daemon import Daemon

from bench.postgres import Postgres
from bench.processes import tree_cpu
from bench.server import Server, start_server

_numbers = count()


@dataclass(frozen=True, slots=True)
class Layout:
    """One way.

    Attributes:
        postgres: whether the database is Postgres, not SQLite.
        workers: how many run as processes of their own; None: one in the API's process.
    """

    name: str
    postgres: bool = True
    workers: int | None = None
    broker: str | None = None


EMBEDDED = Layout("SQLite, one process", postgres=False)
ONE_PROCESS = Layout("one process")
ONE_WORKER = Layout("API + worker", workers=1)
TWO_WORKERS = Layout("API + 2 workers", workers=2)
RABBITMQ = Layout("API + worker, RabbitMQ", workers=1, broker="RabbitMQ")
REDIS = Layout("API + worker, Redis", workers=1, broker="Redis")


@dataclass(frozen=True, slots=True)
class Site:
    """The servers on which installations are made."""

    folder: Path
    postgres: Postgres
    brokers: Mapping[str, Daemon]

    def installed(self, *layouts: Layout) -> list[Layout]:
        """Those of the layouts whose broker is there."""
        return [x for x in layouts if x.broker is None or x.broker in self.brokers]

    def broker_cpu(self, layout: Layout) -> float:
        """Seconds of CPU so far of the broker of a layout."""
        return tree_cpu(self.brokers[layout.broker].pid) if layout.broker else 0.0

    @asynccontextmanager
    async def start(self, layout: Layout) -> AsyncIterator[tuple[Server, str]]:
        """A new, empty installation, and its database's URL, which stays until it is dropped."""
        url, settings = "", dict[str, str]()
        if layout.postgres:
            url = settings["DATABASE_URL"] = self.postgres.create()
        if layout.broker is not None:
            broker = self.brokers[layout.broker]
            await broker.flush()
            settings["BROKER_URL"] = broker.url
        data = self.folder / f"installation{next(_numbers)}"
        server = await start_server(data, workers=layout.workers, **settings)
        try:
            yield server, url
        finally:
            await server.stop()
