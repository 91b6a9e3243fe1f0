"""Group commit: one thread writes, and all that is ready together is one transaction."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from minizaps.errors import JournalUnavailable, MinizapsError
from minizaps.failpoints import failpoint
from minizaps.metrics import COMMIT_OPERATIONS

T = TypeVar("T")
LARGEST_BATCH = 1000


@dataclass(slots=True)
class _Write:
    operation: Callable[[apsw.Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs write operations in batches, each batch one durable transaction.

    An operation is a function of the connection. It raises a MinizapsError only before its first
    statement that writes; any other error undoes the whole batch, whose operations then run again,
    each in a transaction of its own, so that only the guilty one fails.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def write(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Run `operation`; return its result once its commit is on disk."""
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Write(operation, future))
        return await future

    async def close(self) -> None:
        """Finish what was handed in, then stop the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._db.close()

    def _run(self) -> None:
        while (write := self._queue.get()) is not None:
            batch = [write]
            more = True
            while more and len(batch) < LARGEST_BATCH:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    self._queue.put(None)
                    more = False
                else:
                    batch.append(following)
            self._commit(batch)
            self._loop.call_soon_threadsafe(self._answer, batch)

    def _commit(self, batch: list[_Write]) -> None:
        try:
            self._transact(batch)
        except Exception as error:
            self._roll_back()
            if len(batch) == 1 or isinstance(error, _UNAVAILABLE):
                for write in batch:
                    write.error = _explain(error)
            else:
                for write in batch:
                    self._commit([write])

    def _transact(self, batch: list[_Write]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for write in batch:
            try:
                write.result = write.operation(self._db)
                write.error = None
            except MinizapsError as error:
                write.error = error
        failpoint("commit.before")
        self._db.execute("COMMIT")
        failpoint("commit.after")

    def _roll_back(self) -> None:
        with suppress(apsw.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _answer(self, batch: list[_Write]) -> None:
        COMMIT_OPERATIONS.observe(len(batch))
        for write in batch:
            if write.future.cancelled():
                continue
            if write.error is not None:
                write.future.set_exception(write.error)
            else:
                write.future.set_result(write.result)


_UNAVAILABLE = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
)


def _explain(error: Exception) -> Exception:
    if isinstance(error, _UNAVAILABLE):
        unavailable = JournalUnavailable(f"the database takes no writes: {error}")
        unavailable.__cause__ = error
        return unavailable
    return error
