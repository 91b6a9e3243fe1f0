"""One open Postgres database: a pool whose connections come back after every outage."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg

from minizaps.clock import Clock
from minizaps.errors import InvalidInput, JournalUnavailable
from minizaps.journal.database import Row, Transaction
from minizaps.journal.membership import Membership, Told
from minizaps.journal.postgres.batch import Batch
from minizaps.journal.postgres.clock import DatabaseClock
from minizaps.journal.postgres.connection import (
    CUT,
    PATIENCE,
    REPEATABLE,
    SESSION,
    UNAVAILABLE,
    connect,
    prepare,
    unavailable,
)
from minizaps.journal.postgres.keyed import MOST_KEYED, Keyed, company, lock_of
from minizaps.journal.postgres.membership import Session
from minizaps.journal.postgres.transitions import PostgresTransitions
from minizaps.journal.queries import load_queries
from minizaps.journal.transitions import Transitions

T = TypeVar("T")
TRIES = 10


class PostgresDatabase:
    """The database of an installation of any number of processes.

    Attributes:
        url: where it is.
        queries: the named statements.
    """

    mark = "$"

    def __init__(self, url: str, pool: Any) -> None:
        self.url = url
        self.queries = load_queries("postgres")
        self.runs = self.queries["runs"]
        self._pool = pool
        self._transitions = PostgresTransitions(self)
        self.transitions: Transitions = self._transitions
        self._keyed: Batch[Keyed, Any] = Batch(self._hold_keys, company, MOST_KEYED)
        self._clock = DatabaseClock(self._time)
        self._keeping = asyncio.create_task(self._clock.keep())

    @classmethod
    async def open(cls, url: str, *, connections: int = 10) -> PostgresDatabase:
        """Open the database, migrated if need be.

        Args:
            connections: how many the pool has at most.

        Raises:
            JournalUnavailable: it cannot be opened, or a newer program wrote it.
            SettingsInvalid: the server does not keep what it confirms.
        """
        db = await connect(url)
        try:
            await prepare(db)
        except UNAVAILABLE as error:
            raise unavailable(error) from error
        finally:
            await db.close()
        pool = await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=connections,
            timeout=PATIENCE,
            command_timeout=PATIENCE,
            max_inactive_connection_lifetime=60,
            reset=_keep,
            server_settings=SESSION,
        )
        database = cls(url, pool)
        try:
            await database._clock.set()
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def clock(self) -> Clock:
        """The database's clock."""
        return self._clock

    def membership(self, clock: Clock, told: Told) -> Membership:
        """The place of one of any number of workers."""
        return Session(self.url, self.queries, clock, told)

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """The rows of a named query."""
        return await self.select(self.queries[query], values)

    async def select(self, statement: str, values: Sequence[object]) -> Sequence[Row]:
        """The rows of one statement, which is a transaction of its own.

        A statement that met another transaction, or lost its connection, is repeated: it is one
        that may be.
        """
        lost = False
        for _ in range(TRIES):
            try:
                rows: Sequence[Row] = await self._pool.fetch(statement, *values)
                return rows
            except REPEATABLE:
                continue
            except asyncpg.CharacterNotInRepertoireError:
                return []  # no text that is kept holds U+0000
            except UNAVAILABLE as error:
                if lost or not isinstance(error, CUT):
                    raise unavailable(error) from error
                lost = True
        raise JournalUnavailable("the database is too busy with the same rows")

    async def write(
        self,
        operation: Callable[[Transaction], Awaitable[T]],
        keys: Sequence[str] = (),
        *,
        apart: bool = False,
    ) -> T:
        """Run an operation in a serializable transaction, or in one that holds its keys' locks."""
        if not keys:
            return await self._transact("serializable", operation)
        result: T = await self._keyed.write(Keyed(operation, keys, apart))
        return result

    async def _hold_keys(self, writes: Sequence[Keyed]) -> list[Any]:
        """Run operations in their order, with the locks of all of them from the start."""
        locks = sorted({lock_of(key) for write in writes for key in write.keys})

        async def operation(tx: Transaction) -> list[Any]:
            await tx.rows("lock_keys", locks)
            return [await write.operation(tx) for write in writes]

        return await self._transact("read_committed", operation)

    async def _transact(
        self, isolation: str, operation: Callable[[Transaction], Awaitable[T]]
    ) -> T:
        """Run an operation in a transaction, again if it met another one."""
        for _ in range(TRIES):
            try:
                async with self._pool.acquire() as db, db.transaction(isolation=isolation):
                    return await operation(_Transaction(db, self.queries))
            except REPEATABLE:
                continue
            except asyncpg.CharacterNotInRepertoireError:
                raise InvalidInput("a text holds the character U+0000: leave it out") from None
            except UNAVAILABLE as error:
                raise unavailable(error) from error
        raise JournalUnavailable("the database is too busy with the same rows")

    async def close(self) -> None:
        """Finish the writes that were handed in and close all connections."""
        self._keeping.cancel()
        await self._keyed.close()
        await self._transitions.close()
        await self._pool.close()

    async def _time(self) -> float:
        ((now,),) = await self.rows("clock")
        return float(now)


async def _keep(_: object) -> None:
    """Return a connection to the pool as it is, without a round trip: no statement of ours leaves
    anything behind in its session."""


class _Transaction:
    """Statements of one transaction."""

    def __init__(self, db: Any, queries: dict[str, str]) -> None:
        self._db = db
        self._queries = queries

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        rows: Sequence[Row] = await self._db.fetch(self._queries[query], *values)
        return rows

    async def value(self, query: str, *values: object) -> Any:
        return await self._db.fetchval(self._queries[query], *values)

    async def execute(self, query: str, *values: object) -> None:
        await self._db.execute(self._queries[query], *values)
