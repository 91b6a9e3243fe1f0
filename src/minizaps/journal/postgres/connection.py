"""How connections to Postgres are opened, checked and migrated, and what their errors mean."""

from __future__ import annotations

import re
from importlib import resources
from importlib.metadata import version
from typing import Any

import asyncpg

from minizaps.errors import JournalUnavailable, SettingsInvalid

LOCKS = 28_026  # the first key of our advisory locks; 0 as the second one is the migrations'
PATIENCE = 10.0  # seconds for a connection, and for a statement
SESSION = {
    "application_name": "minizaps",
    "jit": "off",
    # What a process has locked that stands still is free before others have lost their patience.
    "idle_in_transaction_session_timeout": "5s",
    # A plan that was made while a table was empty has to be right when it is full: by the index.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # Nor are processes started for the few rows of a statement, however large the table looks.
    "max_parallel_workers_per_gather": "0",
    # The server notices within seconds that a machine is gone, and frees its session's locks.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
# Who asks may ask again: the server is away, is a standby, or has no room.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresIOError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
# The connection ended under the statement: a new one may do.
CUT = (
    ConnectionResetError,
    BrokenPipeError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# Another transaction was in the way: the same statement again finds the way free.
REPEATABLE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,
)


async def connect(url: str, **settings: str) -> Any:
    """A connection of its own, beside the pool.

    Raises:
        JournalUnavailable: the server cannot be reached.
    """
    try:
        return await asyncpg.connect(
            url, timeout=PATIENCE, command_timeout=PATIENCE, server_settings=SESSION | settings
        )
    except UNAVAILABLE as error:
        raise unavailable(error) from error
    except ValueError as error:
        raise SettingsInvalid(f"MINIZAPS_DATABASE_URL: {error}") from None


async def prepare(db: Any) -> None:
    """Check the server's settings and run the migrations that the database has not had.

    Raises:
        SettingsInvalid: the server does not keep what it confirms.
        JournalUnavailable: the database is too new for this program.
    """
    for setting, unsafe in (
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
    ):
        if await db.fetchval("SELECT current_setting($1)", setting) == unsafe:
            raise SettingsInvalid(
                f"the Postgres server runs with {setting}=off, so that a crash would lose runs "
                f"that it has confirmed: set {setting}=on"
            )
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1, 0)", LOCKS)
        await db.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, oldest text NOT NULL)"
        )
        await _migrate(db)


async def _migrate(db: Any) -> None:
    folder = resources.files("minizaps.journal").joinpath("migrations/postgres")
    known = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    done = dict(await db.fetch("SELECT name, oldest FROM migrations"))
    present = version("minizaps")
    for name in sorted(set(done) - set(known)):
        if order(present) < order(done[name]):
            raise JournalUnavailable(
                f"the database was written by a newer Mini-Zaps ({name}), which runs beside "
                f"{done[name]} and later, not beside {present}: upgrade this one"
            )
    for name in known:
        if name not in done:
            text = folder.joinpath(name).read_text()
            await db.execute(text)
            await db.execute("INSERT INTO migrations VALUES ($1, $2)", name, _oldest(text))


def _oldest(text: str) -> str:
    """The oldest program that a migration lets run on, from its first line."""
    found = re.match(r"-- oldest: (\S+)\n", text)
    if found is None:
        raise ValueError("a migration begins with a line `-- oldest: VERSION`")
    return found[1]


def order(release: str) -> tuple[int, ...]:
    """A version as what versions are sorted by."""
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


def unavailable(error: BaseException) -> JournalUnavailable:
    """What a failed connection or an overloaded server means to the callers."""
    said = str(error) or type(error).__name__
    return JournalUnavailable(f"the database cannot be used now: {said}")
