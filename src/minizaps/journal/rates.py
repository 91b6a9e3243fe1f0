"""The times at which the last runs under a rate key started: an exact sliding window."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from minizaps.clock import LATEST
from minizaps.journal.transaction import Transaction
from minizaps.journal.turns import RATE, ids_of, key_at

Rate = tuple[str, int, int]  # the key, and how many may start in how many milliseconds


class Window(NamedTuple):
    """The present span of a rate.

    Attributes:
        starts: the times of those that have started in it, the oldest first.
        free: how many more may start in it.
        opens_at: when the next one may, if none may now.
    """

    starts: list[int]
    free: int
    opens_at: int

    @property
    def open(self) -> bool:
        """Whether a run may start now."""
        return self.free > 0


async def window(tx: Transaction, rate: Rate, now: int) -> Window:
    """The span of a rate that ends now."""
    key, limit, per = rate
    text = await tx.value("rate", key_at(RATE, key))
    starts = [at for at in orjson.loads(text or "[]") if at > now - per]
    free = limit - len(starts)
    return Window(starts, free, now if free > 0 else starts[-limit] + per)


async def keep(tx: Transaction, rate: Rate, starts: list[int]) -> None:
    """Keep the times at which runs have started in the present span."""
    key, _, per = rate
    text = orjson.dumps(starts).decode()
    await tx.execute("keep_rate", key_at(RATE, key), text, starts[-1] + per)


async def line_up(tx: Transaction, rate: Rate, now: int) -> int:
    """Say when those that wait under a rate are looked at again: as many as may start at that
    time. The others have no time yet, so that after a downtime no more go on than may.

    Returns:
        the earliest time, if one waits.
    """
    span = await window(tx, rate, now)
    first = await ids_of(tx, "waiting_turns", key_at(RATE, rate[0]), max(span.free, 1))
    if not first:
        return LATEST
    await tx.execute("line_up", first, span.opens_at)
    return span.opens_at
