"""Queries to a file of SQLite."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from threading import Event
from typing import Any

import apsw
import orjson

from minizaps.connectors.sql_query import Query, Result, check_names, check_size, plain, refused
from minizaps.errors import AttemptTimedOut

_PASSING = (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError)
_NOTHING = re.compile(r"(?>\s+|;|--[^\n]*|/\*.*?\*/)*+", re.DOTALL)
_OFTEN = 1000  # instructions of SQLite between two looks at the clock


async def run(path: Path, query: Query) -> Result:
    """Run a query in a thread. The file has to be there.

    Raises:
        ConnectorError: it failed, and has changed nothing.
    """
    stop = Event()
    try:
        return await asyncio.to_thread(_run, path, query, stop)
    except asyncio.CancelledError:
        stop.set()
        raise


def _run(path: Path, query: Query, stop: Event) -> Result:
    deadline = time.monotonic() + query.timeout
    flags = apsw.SQLITE_OPEN_READONLY if query.read_only else apsw.SQLITE_OPEN_READWRITE
    try:
        connection = apsw.Connection(str(path), flags=flags)
        try:
            connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)  # no other file
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            connection.set_busy_timeout(int(query.timeout * 1000))
            connection.set_progress_handler(
                lambda: stop.is_set() or time.monotonic() > deadline, _OFTEN
            )
            connection.execute("BEGIN" if query.read_only else "BEGIN IMMEDIATE")
            result = _fetch(connection, query)
            if connection.in_transaction:
                connection.execute("COMMIT")
            return result
        finally:
            connection.close(True)  # what is not committed is rolled back
    except apsw.InterruptError as error:
        message = f"the query took longer than {query.timeout:g} s"
        raise AttemptTimedOut(message, retryable=True) from error
    except apsw.Error as error:
        raise refused(str(error), retryable=isinstance(error, _PASSING)) from error
    except (KeyError, OverflowError, UnicodeError) as error:
        raise refused(f"{type(error).__name__}: {error}") from error


def _fetch(connection: apsw.Connection, query: Query) -> Result:
    started: list[str] = []

    def only_one(_: apsw.Cursor, text: str, __: Any) -> bool:
        if started and not _NOTHING.fullmatch(text):
            raise refused("the query has more than one statement")
        started.append(text)
        return True

    before = connection.total_changes()
    cursor = connection.cursor()
    cursor.exec_trace = only_one
    names: list[str] = []
    rows: list[dict[str, Any]] = []
    for row in cursor.execute(query.text, _bindings(query.parameters)):
        names = names or check_names([column[0] for column in cursor.get_description()])
        rows.append(dict(zip(names, map(plain, row), strict=True)))
        check_size(len(rows), query)
    return Result(rows, len(rows) or connection.total_changes() - before)


def _bindings(parameters: list[Any] | dict[str, Any]) -> Any:
    if isinstance(parameters, dict):
        return {name: _bound(value) for name, value in parameters.items()}
    return [_bound(value) for value in parameters]


def _bound(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
