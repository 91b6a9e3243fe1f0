"""Group commit: all that is ready together is one transaction.

The statements run on the event loop, a few microseconds each; only COMMIT, which waits for the
disk, runs in a thread. A thread for the statements too would take and give back the interpreter's
lock at each of them, and wait for it behind a busy loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from minizaps.errors import JournalUnavailable, MinizapsError
from minizaps.failpoints import failpoint
from minizaps.metrics import COMMIT_OPERATIONS

T = TypeVar("T")
LONGEST_BATCH = 0.005  # seconds of statements, after which a batch is closed
BUSY = 5.0  # seconds that another process may hold the write lock
BUSY_PAUSE = 0.002
MOST_PENDING = 10_000


@dataclass(slots=True)
class _Write:
    operation: Callable[[apsw.Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs write operations in batches, each batch one durable transaction.

    An operation is a function of the connection. It raises a MinizapsError only before its first
    statement that changes something; any other error undoes the whole batch, whose operations then
    run again, each in a transaction of its own, so that only the guilty one fails.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._db.set_busy_timeout(0)
        self._pending: deque[_Write] = deque()
        self._wanted = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-commit")
        self._task = asyncio.create_task(self._run())

    @property
    def connection(self) -> apsw.Connection:
        """The connection, for the operation that is running."""
        return self._db

    async def write(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Run `operation`; return its result once its commit is on disk."""
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        if len(self._pending) >= MOST_PENDING:
            raise JournalUnavailable("the database does not keep up with the writes")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append(_Write(operation, future))
        self._wanted.set()
        return await future

    async def close(self) -> None:
        """Finish what was handed in."""
        self._closed = True
        self._wanted.set()
        await self._task
        self._thread.shutdown()
        self._db.close()

    async def _run(self) -> None:
        while self._pending or not self._closed:
            await self._wanted.wait()
            self._wanted.clear()
            while self._pending:
                await self._commit(self._pending)

    async def _commit(self, pending: deque[_Write]) -> None:
        """One transaction with as many of the pending writes as fit into a batch."""
        batch: list[_Write] = []
        try:
            await self._begin()
            self._execute(pending, batch)
            failpoint("commit.before")
            await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
            failpoint("commit.after")
        except Exception as error:
            self._roll_back()
            if not batch:
                # The database could not even be asked: whoever waits learns it now.
                batch = list(pending)
                pending.clear()
            if len(batch) > 1 and not isinstance(error, _UNAVAILABLE):
                for write in batch:
                    await self._commit(deque([write]))
                return
            for write in batch:
                write.error = _explain(error)
        COMMIT_OPERATIONS.observe(len(batch))
        _answer(batch)

    async def _begin(self) -> None:
        deadline = time.monotonic() + BUSY
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                return
            except apsw.BusyError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(BUSY_PAUSE)

    def _execute(self, pending: deque[_Write], batch: list[_Write]) -> None:
        end = time.perf_counter() + LONGEST_BATCH
        while pending and (not batch or time.perf_counter() < end):
            write = pending.popleft()
            batch.append(write)
            try:
                write.result = write.operation(self._db)
                write.error = None
            except MinizapsError as error:
                write.error = error

    def _end(self) -> None:
        self._db.execute("COMMIT")

    def _roll_back(self) -> None:
        with suppress(apsw.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _answer(batch: list[_Write]) -> None:
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
