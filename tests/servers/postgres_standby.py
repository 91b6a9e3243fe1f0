"""A standby of a Postgres for tests, which takes the primary's place when it is promoted."""

from __future__ import annotations

from tests.servers.postgres import PostgresServer
from tests.servers.postgres_cluster import PostgresCluster

BASE_BACKUP = ("-X", "stream", "-c", "fast", "-R", "-U", "postgres")


class PostgresStandby(PostgresCluster):
    """Follows a primary; a commit there waits for it, so that a failover loses nothing."""

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(primary.binaries, None, {})
        self._primary = primary

    def prepare(self) -> None:
        self._primary.fetch("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self._primary.fetch("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Become a primary, which waits for no standby."""
        self._session.fetch("ALTER SYSTEM SET synchronous_standby_names = ''")
        self._session.fetch("SELECT pg_reload_conf()")
        self._session.fetch("SELECT pg_promote()")

    def _create(self) -> None:
        source = ("-h", str(self._primary.folder), "-p", str(self._primary.port))
        if self._run("pg_basebackup", *BASE_BACKUP, *source).wait():
            raise RuntimeError(f"pg_basebackup failed:\n{self._last_words()}")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")
