"""Work that only computes: long work leaves the event loop, and what it makes has a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from minizaps.errors import ConnectorError

LONG = 16_384  # characters, or as much work as so many take
MOST = 10 * 2**20  # characters of an output, before the engine measures it as JSON

P = ParamSpec("P")
T = TypeVar("T")


async def computed(size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result, computed in a thread if its work is long.

    Args:
        size: of the work, in characters.
    """
    if size <= LONG:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


def bad_input(message: str) -> ConnectorError:
    """The error for data that cannot be worked on; it says where, and what to do."""
    return ConnectorError(message, type="bad_input")


class Room:
    """What is left of the most that an output may hold: a little input can make a lot of it."""

    def __init__(self, characters: int = MOST) -> None:
        self._left = characters

    def take(self, characters: int) -> None:
        """Use some of it.

        Raises:
            ConnectorError: nothing is left (type `output_too_large`).
        """
        self._left -= characters
        if self._left < 0:
            raise ConnectorError(
                f"the output would have more than {MOST:,} characters: take less at a time",
                type="output_too_large",
            )
