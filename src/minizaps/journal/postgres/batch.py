"""Group commit: what is ready together is one statement, and so one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from minizaps.errors import JournalUnavailable
from minizaps.failpoints import failpoint
from minizaps.metrics import COMMIT_OPERATIONS

T = TypeVar("T")
R = TypeVar("R")
LARGEST = 500
MOST_PENDING = 10_000


class Batch(Generic[T, R]):
    """Hands items that arrive while a statement is under way to the next one, together.

    A statement that fails is repeated item by item, so that only the guilty one fails; one whose
    server is away fails for all.
    """

    def __init__(
        self,
        execute: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        key: Callable[[T], Hashable],
        largest: int = LARGEST,
    ) -> None:
        """
        Args:
            execute: runs a statement; gives a result for each item.
            key: items with the same key are never in one statement.
            largest: how many items a statement has at most.
        """
        self._execute = execute
        self._key = key
        self._largest = largest
        self._pending: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._wanted = asyncio.Event()
        self._closed = False
        self._task = asyncio.create_task(self._run())

    async def write(self, item: T) -> R:
        """The item's result, once it is on disk."""
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        if len(self._pending) >= MOST_PENDING:
            raise JournalUnavailable("the database does not keep up with the writes")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending.append((item, future))
        self._wanted.set()
        return await future

    async def close(self) -> None:
        """Finish what was handed in."""
        self._closed = True
        self._wanted.set()
        await self._task

    async def _run(self) -> None:
        while self._pending or not self._closed:
            await self._wanted.wait()
            self._wanted.clear()
            while self._pending:
                await self._commit(self._next())

    def _next(self) -> list[tuple[T, asyncio.Future[R]]]:
        batch: list[tuple[T, asyncio.Future[R]]] = []
        keys: set[Hashable] = set()
        while self._pending and len(batch) < self._largest:
            key = self._key(self._pending[0][0])
            if key in keys:
                break
            keys.add(key)
            batch.append(self._pending.popleft())
        return batch

    async def _commit(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        failpoint("commit.before")
        try:
            results = await self._execute([item for item, _ in batch])
        except JournalUnavailable as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        except Exception as error:
            if len(batch) > 1:
                for write in batch:
                    await self._commit([write])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        failpoint("commit.after")
        COMMIT_OPERATIONS.observe(len(batch))
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
