"""Writes that have some keys to themselves, by advisory locks that their transaction holds."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, NamedTuple

from minizaps.journal.transaction import Transaction

MOST_KEYED = 50  # in a transaction, which keeps the locks of all of them until its end


class Keyed(NamedTuple):
    """A write of its turn (see `Database.write`)."""

    operation: Callable[[Transaction], Awaitable[Any]]
    keys: Sequence[str]
    apart: bool


def company(write: Keyed) -> Hashable:
    """What is the same for writes that may not share a transaction."""
    return "apart" if write.apart else id(write)


def lock_of(key: str) -> int:
    """The number of a key's lock; two keys that share one only wait for each other."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)
