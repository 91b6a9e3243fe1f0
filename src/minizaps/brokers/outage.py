"""A time in which a broker cannot be used."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from minizaps.brokers.broker import PATIENCE
from minizaps.errors import BrokerUnavailable

logger = logging.getLogger("minizaps.brokers")

SOONEST = 0.1  # seconds until it is tried again for the first time
LATEST = PATIENCE


class Outage:
    """Says once that a broker has gone away and once that it is back.

    Args:
        what: it stops, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._wait = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the broker could not be used when it was tried last."""
        return self._wait > 0

    def goes_on(self, error: BrokerUnavailable) -> float:
        """The broker could not be used; return after how many seconds to try again."""
        if not self.lasts:
            logger.warning(
                "%s have stopped: %s; runs are found by the sweep within %g s",
                self._what,
                error,
                PATIENCE,
            )
        self._wait = min(max(self._wait * 2, SOONEST), LATEST)
        return self._wait * random.uniform(0.5, 1)

    def ends(self) -> None:
        """The broker could be used."""
        if self.lasts:
            logger.warning("%s go on: the broker is reachable again", self._what)
        self._wait = 0.0


async def outlast(outage: Outage, session: Callable[[], Awaitable[None]]) -> None:
    """Begin a session with a broker again whenever it was lost, for ever."""
    while True:
        try:
            await session()
        except BrokerUnavailable as error:
            await asyncio.sleep(outage.goes_on(error))
