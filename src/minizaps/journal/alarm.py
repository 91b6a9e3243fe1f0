"""The time at which something is to be done next, which may become earlier meanwhile."""

from __future__ import annotations

import asyncio


class Alarm:
    """What a duty waits for.

    Attributes:
        at: the earliest time that is known, in milliseconds.
        sooner: set when it has become earlier.
    """

    def __init__(self) -> None:
        self.at = 0
        self.sooner = asyncio.Event()

    def bring_forward(self, at: int) -> None:
        """Be due at a time, if that is earlier."""
        if at < self.at:
            self.at = at
            self.sooner.set()
