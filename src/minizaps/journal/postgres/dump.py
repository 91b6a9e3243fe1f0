"""A Postgres database as what a dump is written from and read into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from minizaps.errors import InvalidInput, JournalUnavailable
from minizaps.journal.database import Row
from minizaps.journal.postgres.connection import UNAVAILABLE, connect, prepare, unavailable
from minizaps.journal.schema import TABLES, Table, any_row, known_migrations

PAGE = 500
DAY = 86_400.0  # seconds for a statement: an index may be large
UUIDS = {
    "runs": {"id", "replay_of", "parent_id"},
    **{t: {"run_id"} for t in ("signals", "callbacks", "turns", "events", "idempotency")},
}
# What a value that does not fit its column, or its row, is refused with.
UNFIT = (
    *(TypeError, ValueError, OverflowError),
    *(asyncpg.DataError, asyncpg.IntegrityConstraintViolationError),
)
# Whoever reads the dump may be slow, and a large table takes its time.
PATIENT = {"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"}


@asynccontextmanager
async def open_source(url: str) -> AsyncIterator[PostgresSource]:
    """See `dump.open_source`. It writes nothing, so that a standby will do."""
    db = await connect(url, **PATIENT)
    try:
        async with db.transaction(isolation="repeatable_read", readonly=True):
            await _check(db)
            yield PostgresSource(db)
    except UNAVAILABLE as error:
        raise unavailable(error) from error
    finally:
        db.terminate()


async def _check(db: Any) -> None:
    there = await db.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
    if not there:
        raise JournalUnavailable("there is no Mini-Zaps data in this database")
    done = [
        row[0] for row in await db.fetch('SELECT name FROM migrations ORDER BY name COLLATE "C"')
    ]
    if done != known_migrations("postgres"):
        raise JournalUnavailable(
            "the database is of another version of Mini-Zaps: start this one on it once, or take "
            "that one"
        )


@asynccontextmanager
async def open_target(url: str) -> AsyncIterator[PostgresTarget]:
    """See `dump.open_target`."""
    db = await connect(url, **PATIENT)
    try:
        await prepare(db)
        names = ", ".join(table.name for table in TABLES)
        async with db.transaction():
            await db.execute(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
            yield PostgresTarget(db)
        # Plans follow from how large the tables are known to be.
        await db.execute(f"ANALYZE {names}", timeout=DAY)
    except UNAVAILABLE as error:
        raise unavailable(error) from error
    finally:
        db.terminate()


class PostgresSource:
    """See `Source`."""

    def __init__(self, db: Any) -> None:
        self._db = db

    async def used(self) -> bool:
        """Whether another process has a connection."""
        return bool(
            await self._db.fetchval(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'minizaps' AND pid <> pg_backend_pid())"
            )
        )

    async def pages(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        ids = UUIDS.get(table.name, set())
        columns = ", ".join(f"{c}::text" if c in ids else c for c in table.columns)
        order = ", ".join(table.order or ("place",))
        # The names are constants.
        statement = f"SELECT {columns} FROM {table.name} ORDER BY {order}"  # noqa: S608
        cursor = await self._db.cursor(statement, timeout=DAY)
        while page := await cursor.fetch(PAGE, timeout=DAY):
            yield page


class PostgresTarget:
    """See `Target`."""

    def __init__(self, db: Any) -> None:
        self._db = db

    async def filled(self) -> list[str]:
        return [table.name for table in TABLES if await self._db.fetchval(any_row(table))]

    async def clear(self) -> None:
        await self._db.execute("DELETE FROM projects")

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        try:
            async with self._db.transaction():  # a savepoint
                await self._db.copy_records_to_table(
                    table, columns=columns, records=rows, timeout=DAY
                )
        except UNFIT as error:
            raise InvalidInput(str(error)) from None
