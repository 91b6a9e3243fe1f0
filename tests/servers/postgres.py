"""A real Postgres for tests, with databases made and cut off at will."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from tests.servers.places import MEMORY
from tests.servers.postgres_binaries import find_binaries, release
from tests.servers.postgres_cluster import PostgresCluster

ROLE = "minizaps"
TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = $1 AND backend_type = 'client backend' ORDER BY random() LIMIT $2
) AS chosen
"""


class PostgresServer(PostgresCluster):
    """Runs inside its `with`. The databases belong to a role that is no superuser."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        found = binaries or find_binaries()
        if found is None:
            raise FileNotFoundError(
                "no Postgres: neither PG_BIN, nor the system's, nor the wheel's"
            )
        super().__init__(found, folder, settings or {})
        self.release = release(found)
        self._password = f"canary-{secrets.token_hex(8)}"

    def prepare(self) -> None:
        self.fetch(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{self._password}'")

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{ROLE}:{self._password}@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database, as a copy of one that nobody is connected to; the answer is its URL."""
        strategy = "file_copy" if self.folder.is_relative_to(MEMORY) else "wal_log"  # the faster
        how = f"STRATEGY {strategy}" if self.release >= 15 else ""
        self.fetch(f'CREATE DATABASE "{name}" OWNER {ROLE} TEMPLATE "{template}" {how}')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.fetch(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def terminate_backends(self, name: str, most: int | None = None) -> int:
        """Cut all the connections to a database, or so many at random, and wait for their end."""
        return len(self.fetch(TERMINATE, name, most))

    def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Run one statement as the superuser, in the database `postgres`."""
        return self._session.fetch(sql, *values)
