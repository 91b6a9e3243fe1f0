"""A Postgres of the benchmarks' own, on the disk, and what it spends."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import NamedTuple, Self

from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import find_binaries, release

from bench.processes import tree_cpu

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}
USAGE = "SELECT pg_current_wal_insert_lsn() - '0/0', pg_snapshot_xmax(pg_current_snapshot())::text"
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = $1"


class Spent(NamedTuple):
    """What a Postgres has spent since its start.

    Attributes:
        cpu: seconds, of all its processes.
        wal: bytes of its log.
        writes: transactions that wrote.
    """

    cpu: float
    wal: int
    writes: int

    def since(self, earlier: Spent) -> Spent:
        """What it has spent since an earlier look."""
        cpu, wal, writes = (
            self.cpu - earlier.cpu,
            self.wal - earlier.wal,
            self.writes - earlier.writes,
        )
        return Spent(cpu, wal, writes)


class Postgres:
    """Runs inside its `with`."""

    def __init__(self, folder: Path) -> None:
        self._server = PostgresServer(folder, settings=SETTINGS)
        self._names = (f"bench{n}" for n in count())

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def create(self) -> str:
        """Make an empty database; return its URL."""
        return self._server.create_database(next(self._names))

    def drop(self, url: str) -> None:
        """Remove a database."""
        self._server.drop_database(_name(url))

    def spent(self) -> Spent:
        """What it has spent so far."""
        ((wal, writes),) = self._server.fetch(USAGE)
        return Spent(tree_cpu(self._server.pid), int(wal), int(writes))

    def commits(self, url: str) -> int:
        """Transactions in a database so far, reading ones too, of sessions that have ended."""
        return int(self._server.fetch(COMMITS, _name(url))[0][0])


def described() -> str:
    """The Postgres that is used here and its settings."""
    binaries = find_binaries()
    if binaries is None:
        return "no Postgres is installed"
    settings = ", ".join(f"{name}={value}" for name, value in SETTINGS.items())
    return f"Postgres {release(binaries)} on this disk: {settings}"


def _name(url: str) -> str:
    return url.rpartition("/")[2]
