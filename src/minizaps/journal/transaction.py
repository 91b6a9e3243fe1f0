"""The statements of one write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Row = Sequence[Any]


class Transaction(Protocol):
    """Named statements inside one write. A list among the values is an array."""

    async def rows(self, query: str, *values: object) -> Sequence[Row]:
        """The rows of a statement."""

    async def value(self, query: str, *values: object) -> Any:
        """The first column of the first row; None where there is no row."""

    async def execute(self, query: str, *values: object) -> None:
        """A statement without rows."""
