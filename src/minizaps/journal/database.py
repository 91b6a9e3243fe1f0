"""What the journal asks of a database; `sqlite` and `postgres` are the two that answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from minizaps.clock import Clock
from minizaps.journal.membership import Membership, Told
from minizaps.journal.transitions import Transitions

T = TypeVar("T")
Row = Sequence[Any]


class Transaction(Protocol):
    """Named statements inside one write. A list among the values is an array."""

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """The rows of a statement."""

    async def value(self, query: str, *values: object) -> Any:
        """The first column of the first row; None where there is no row."""

    async def execute(self, query: str, *values: object) -> None:
        """A statement without rows."""


class Database(Protocol):
    """One open database.

    Attributes:
        mark: what stands before a parameter's number in a statement: `?` or `$`.
        runs: the beginning of a statement that selects runs.
        transitions: the writes that change runs.
        clock: the database's time.
    """

    mark: str
    runs: str
    transitions: Transitions

    @property
    def clock(self) -> Clock: ...

    def membership(self, clock: Clock, told: Told) -> Membership:
        """The place that a worker may take among those of this database."""

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """The rows of a named query, of what is committed."""

    async def select(self, statement: str, values: Sequence[object]) -> Sequence[Row]:
        """The rows of a statement that was put together, of what is committed."""

    async def write(self, operation: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run an operation as if it were alone; return once it is on disk.

        An operation may run more than once, so it changes nothing but the database.
        """

    async def close(self) -> None:
        """Finish the writes that were handed in and close all connections."""
