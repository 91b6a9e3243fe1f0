"""A SQLite file as what a dump is written from and read into."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apsw

from minizaps.errors import InvalidInput, JournalUnavailable
from minizaps.journal.database import Row
from minizaps.journal.schema import TABLES, Table, any_row, known_migrations
from minizaps.journal.sqlite.connection import BUSY_MS, connect, create_private, migrate
from minizaps.settings import SQLITE

PAGE = 1_000


@asynccontextmanager
async def open_source(url: str) -> AsyncIterator[SqliteSource]:
    """See `dump.open_source`. The file's write-ahead log grows while the block lasts."""
    path = _path(url)
    if not path.exists():
        raise JournalUnavailable(f"there is no Mini-Zaps data at {path}")
    db = connect(path, read_only=True)
    try:
        db.execute("BEGIN")
        done = [name for (name,) in db.execute("SELECT name FROM migrations ORDER BY name")]
        if done != known_migrations("sqlite"):
            raise JournalUnavailable(
                f"{path} is of another version of Mini-Zaps: start this one on it once, or take "
                "that one"
            )
        yield SqliteSource(db, path)
    except apsw.Error as error:
        raise JournalUnavailable(f"the database cannot be read: {error}") from error
    finally:
        db.close()


@asynccontextmanager
async def open_target(url: str) -> AsyncIterator[SqliteTarget]:
    """See `dump.open_target`."""
    path = _path(url)
    create_private(path)
    db = connect(path)
    try:
        migrate(db)
        db.set_busy_timeout(BUSY_MS)
        db.execute("BEGIN IMMEDIATE")
        yield SqliteTarget(db)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except apsw.Error as error:
        raise JournalUnavailable(f"the database takes no writes: {error}") from error
    finally:
        db.close()


class SqliteSource:
    """See `Source`."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        self._db = db
        self._lock = path.with_name(path.name + ".worker")

    async def used(self) -> bool:
        """Whether a worker has the file."""
        if not self._lock.exists():
            return False
        handle = os.open(self._lock, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    async def pages(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        order = ", ".join(table.order or ("rowid",))
        # The names are constants.
        statement = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {order}"  # noqa: S608
        page: list[Row] = []
        for row in self._db.execute(statement):
            page.append(row)
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page


class SqliteTarget:
    """See `Target`."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    async def filled(self) -> list[str]:
        return [table.name for table in TABLES if self._db.execute(any_row(table)).get]

    async def clear(self) -> None:
        self._db.execute("DELETE FROM projects")

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        try:
            with self._db:  # a savepoint
                self._db.executemany(statement, rows)
        except (apsw.ConstraintError, apsw.MismatchError, TypeError, OverflowError) as error:
            raise InvalidInput(str(error)) from None


def _path(url: str) -> Path:
    return Path(url.removeprefix(SQLITE))
