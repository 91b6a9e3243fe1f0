"""A connection for code that is no coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg


class PostgresSession:
    """One connection, whose loop runs in a thread of its own, and only during a call."""

    def __init__(self, **address: Any) -> None:
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)
        self._connection: asyncpg.Connection | None = None

    def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Run one statement, on a new connection if the server cut the last one."""
        rows: list[asyncpg.Record] = self._run(self._fetch(sql, *values))
        return rows

    def close(self) -> None:
        """Drop the connection and end the thread."""
        self._run(self._drop())
        self._thread.shutdown()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._thread.submit(self._loop.run_until_complete, work).result()

    async def _fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        await asyncio.sleep(0.001)  # the loop has been still: it learns now if the server went
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(**self._address)
        rows: list[asyncpg.Record] = await self._connection.fetch(sql, *values)
        return rows

    async def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            await asyncio.sleep(0.001)
