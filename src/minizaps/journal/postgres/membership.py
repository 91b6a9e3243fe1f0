"""A worker's session: its row and heartbeat, its advisory lock, and what others tell it.

A worker whose session is gone is taken for dead after 3 s without a beat; one that keeps its
session but does not beat, because it is paused or cut off, after a lease of 15 s.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from minizaps.clock import Clock
from minizaps.errors import JournalUnavailable
from minizaps.journal.membership import Told
from minizaps.journal.postgres.connection import LOCKS, UNAVAILABLE, connect, unavailable

logger = logging.getLogger("minizaps.worker")

LEASE = 15_000  # milliseconds
UNSEEN = 3_000  # milliseconds
SETTLED = 1.0  # seconds that a session lasts before it judges others: they may just be coming back
PATIENCE = 2.0  # seconds for an answer
CHANNEL = "minizaps"


class Session:
    """See `Membership`."""

    def __init__(self, url: str, queries: dict[str, str], clock: Clock, told: Told) -> None:
        self._url = url
        self._q = queries
        self._clock = clock
        self._told = told
        self._worker = ""
        self._db: Any = None
        self._since = 0.0
        self._locked = False
        self._turn = asyncio.Lock()

    @property
    def patience(self) -> float:
        """2.5 s once the session is lost, since others may then see that after 3 s; else 10 s."""
        return 2.5 if self._lost else 10.0

    @property
    def _lost(self) -> bool:
        return self._db is None or self._db.is_closed()

    async def join(self, worker: str) -> None:
        self._worker = worker
        await self._ask("register_worker", worker, self._clock.now())
        await self.beat()

    async def beat(self) -> bool:
        number = await self._ask("beat", self._worker, self._clock.now())
        if number is None:
            self._locked = False
            return False
        if not self._locked:
            # The lock may still be held by this worker's session before, until its end is noticed.
            self._locked = await self._ask("lock", LOCKS, number)
        return True

    async def bury(self) -> int:
        if not self._locked or time.monotonic() - self._since < SETTLED:
            return 0
        now = self._clock.now()
        bound = (self._worker, now - LEASE, now - UNSEEN, LOCKS)
        count = int(await self._ask("bury", *bound))
        if count:
            logger.warning("%d workers are dead: their runs are taken over", count)
        return count

    async def leave(self) -> None:
        try:
            await self._ask("resign", self._worker)
            await self._db.close()
        except (JournalUnavailable, *UNAVAILABLE) as error:
            logger.info("not signed off: %s", error)

    async def _ask(self, query: str, *values: object) -> Any:
        try:
            async with asyncio.timeout(PATIENCE), self._turn:
                if self._lost:
                    await self._open()
                return await self._db.fetchval(self._q[query], *values)
        except UNAVAILABLE as error:
            raise unavailable(error) from error

    async def _open(self) -> None:
        # A heartbeat that a crash of the server loses is as good as one that never came.
        self._db = await connect(self._url, synchronous_commit="off")
        self._since = time.monotonic()
        self._locked = False
        await self._db.add_listener(CHANNEL, self._listen)
        self._told.runs_ready()  # what was said in between was not heard

    def _listen(self, _: object, __: int, ___: str, message: str) -> None:
        kind, _, run_id = message.partition(" ")
        if kind == "cancelled":
            self._told.run_cancelled(run_id)
        elif kind == "signalled":
            self._told.signalled(run_id)
        else:
            self._told.runs_ready()
