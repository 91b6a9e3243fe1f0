"""One open SQLite file: a writer that groups commits, and readers that never wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import orjson

from minizaps.clock import Clock, SystemClock
from minizaps.errors import JournalUnavailable
from minizaps.journal.database import Row, Transaction
from minizaps.journal.membership import Membership, Told
from minizaps.journal.queries import load_queries
from minizaps.journal.sqlite.connection import connect, create_private, migrate
from minizaps.journal.sqlite.membership import FileLock
from minizaps.journal.sqlite.transitions import SqliteTransitions
from minizaps.journal.sqlite.writer import Writer
from minizaps.journal.transitions import Transitions

T = TypeVar("T")
READERS = 2


class SqliteDatabase:
    """The embedded database of one data folder."""

    mark = "?"

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._queries = load_queries("sqlite")
        self.runs = self._queries["runs"]
        self._writer = Writer(connection)
        self._transaction = _Transaction(connection, self._queries)
        self.transitions: Transitions = SqliteTransitions(self._writer, self._queries)
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="journal-reader")

    @classmethod
    async def open(cls, path: Path) -> SqliteDatabase:
        """Open the database at `path`, made and migrated if need be.

        Raises:
            JournalUnavailable: it cannot be opened, or a newer program wrote it.
        """
        return cls(path, await asyncio.to_thread(_prepare, path))

    @property
    def clock(self) -> Clock:
        """The machine's clock, which is the database's."""
        return SystemClock()

    def membership(self, clock: Clock, told: Told) -> Membership:
        """The place of the file's one worker; what it is told stays in this process."""
        return FileLock(self.path.with_name(self.path.name + ".worker"))

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """The rows of a named query."""
        return await self.select(self._queries[query], values)

    async def select(self, statement: str, values: Sequence[object]) -> Sequence[Row]:
        """The rows of a statement, on a snapshot of what is committed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._select, statement, values)

    async def write(
        self,
        operation: Callable[[Transaction], Awaitable[T]],
        keys: Sequence[str] = (),
        *,
        apart: bool = False,
    ) -> T:
        """Run a write operation; return once it is on disk (see `Writer`)."""
        return await self._writer.write(lambda _: finish(operation(self._transaction)))

    async def close(self) -> None:
        """Finish the writes that were handed in and close all connections."""
        await self._writer.close()
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._readers:
            connection.close()

    def _select(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        db = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = connect(self.path, read_only=True)
            self._readers.append(db)
        try:
            return db.execute(statement, bound(values)).fetchall()
        except apsw.Error as error:
            raise JournalUnavailable(f"the database cannot be read: {error}") from error


class _Transaction:
    """Statements of the write that is in progress; none of them ever suspends."""

    def __init__(self, db: apsw.Connection, queries: dict[str, str]) -> None:
        self._db = db
        self._queries = queries

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        return self._db.execute(self._queries[query], bound(values)).fetchall()

    async def value(self, query: str, *values: object) -> Any:
        return self._db.execute(self._queries[query], bound(values)).get

    async def execute(self, query: str, *values: object) -> None:
        self._db.execute(self._queries[query], bound(values))


def finish(operation: Awaitable[T]) -> T:
    """The result of an operation that never suspends."""
    try:
        next(operation.__await__())
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise RuntimeError("a write operation has waited for something other than its statements")


def bound(values: Sequence[object]) -> tuple[object, ...]:
    """The values as SQLite takes them: an array as JSON text, for `json_each`."""
    return tuple(orjson.dumps(v).decode() if isinstance(v, list) else v for v in values)


def _prepare(path: Path) -> apsw.Connection:
    create_private(path)
    db = connect(path)
    migrate(db)
    return db
