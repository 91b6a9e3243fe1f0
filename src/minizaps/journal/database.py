"""One open database: a writer that groups commits, and readers that never wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from minizaps.errors import JournalUnavailable
from minizaps.journal.queries import load_queries
from minizaps.journal.sqlite import connect, create_private, migrate
from minizaps.journal.writer import Writer

T = TypeVar("T")
READERS = 2


class Database:
    """The embedded database of one data folder.

    Attributes:
        queries: the named statements.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.queries = load_queries("sqlite")
        self._local = threading.local()
        self._connections: list[apsw.Connection] = []
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="journal-reader")
        self._writer: Writer

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open the database at `path`, made and migrated if need be.

        Raises:
            JournalUnavailable: it cannot be opened, or a newer program wrote it.
        """
        database = cls(path)
        database._writer = Writer(await asyncio.to_thread(_prepare, path))
        return database

    async def write(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Run a write operation; return once it is on disk (see `Writer`)."""
        return await self._writer.write(operation)

    async def read(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Run a read operation on a snapshot of what is committed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._read, operation)

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a named query."""
        return await self.read(lambda db: db.execute(self.queries[query], values).fetchall())

    async def close(self) -> None:
        """Finish the writes that were handed in and close all connections."""
        await self._writer.close()
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._connections:
            connection.close()

    def _read(self, operation: Callable[[apsw.Connection], T]) -> T:
        db = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = connect(self.path, read_only=True)
            self._connections.append(db)
        try:
            with db:
                return operation(db)
        except apsw.Error as error:
            raise JournalUnavailable(f"the database cannot be read: {error}") from error


def _prepare(path: Path) -> apsw.Connection:
    create_private(path)
    db = connect(path)
    migrate(db)
    return db
