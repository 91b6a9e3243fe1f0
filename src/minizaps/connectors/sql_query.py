"""A query, its result, and what a database's values are as JSON."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_jsonable_python

from minizaps.errors import ConnectorError


@dataclass(frozen=True, slots=True)
class Query:
    """One statement, run in a transaction of its own.

    Attributes:
        parameters: by position, or by name.
        read_only: whether the database is to refuse what changes anything.
        max_rows: the most rows that it may give.
        timeout: seconds that it may take.
    """

    text: str
    parameters: list[Any] | dict[str, Any]
    read_only: bool
    max_rows: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Result:
    """What a query gave.

    Attributes:
        count: of the rows that it gave, else of those that it changed.
    """

    rows: list[dict[str, Any]]
    count: int


def refused(message: str, *, retryable: bool = False, **details: Any) -> ConnectorError:
    """The error for a query that the database does not carry out."""
    return ConnectorError(message, type="query", retryable=retryable, details=details)


def check_size(count: int, query: Query) -> None:
    """Refuse a result that is too large.

    Raises:
        ConnectorError: there are more rows than the query may give (type `too_many_rows`).
    """
    if count > query.max_rows:
        message = (
            f"the query gives more than {query.max_rows} rows, so nothing was done: "
            "add a LIMIT, or raise max_rows"
        )
        raise ConnectorError(message, type="too_many_rows")


def check_names(names: Sequence[str]) -> list[str]:
    """The names of the columns, if each is there once.

    Raises:
        ConnectorError: two columns have one name.
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise refused(f"two columns are named {twice!r}: name one of them otherwise, with AS")
    return list(names)


def plain(value: Any) -> Any:
    """A value as JSON: bytes as base64, what JSON does not have as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return b64encode(value).decode()
        case list() | tuple():
            return [plain(each) for each in value]
    return to_jsonable_python(value, fallback=str)
