"""What the journal asks of a database; `sqlite` and `postgres` are the two that answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from minizaps.clock import Clock
from minizaps.journal.membership import Membership, Told
from minizaps.journal.transaction import Row as Row
from minizaps.journal.transaction import Transaction as Transaction
from minizaps.journal.transitions import Transitions

T = TypeVar("T")


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

    async def write(
        self,
        operation: Callable[[Transaction], Awaitable[T]],
        keys: Sequence[str] = (),
        *,
        apart: bool = False,
    ) -> T:
        """Run an operation as if it were alone; return once it is on disk.

        An operation may run more than once, so it changes nothing but the database.

        Args:
            keys: if there are some, it is alone among the operations with one of these keys only,
                of all processes, and may share its transaction with others.
            apart: whether it changes runs that workers hold: of such operations a transaction has
                one at most, so that two that meet never wait for each other.
        """

    async def close(self) -> None:
        """Finish the writes that were handed in and close all connections."""
