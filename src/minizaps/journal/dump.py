"""A whole installation as lines of JSON: the format of a dump, and writing one.

The first line is the header: the format, the program, and the columns of each table. Each further
line is a row, `[TABLE, VALUE, ...]`. The last line is the footer, with the number of rows of each
table and the SHA-256 of all lines before it, so that a dump that was cut off or changed is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from importlib.metadata import version
from typing import Any, BinaryIO, Protocol

import orjson

from minizaps.clock import SystemClock, to_text
from minizaps.errors import SettingsInvalid
from minizaps.journal.database import Row
from minizaps.journal.schema import TABLES, Table
from minizaps.settings import SQLITE

FORMAT = 1
KIND = "minizaps journal"
Counts = dict[str, int]


class Source(Protocol):
    """One consistent snapshot of an installation."""

    async def used(self) -> bool:
        """Whether a process of Mini-Zaps is known to use it at this moment."""

    def pages(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table, in their order."""


class Target(Protocol):
    """One transaction that fills an installation."""

    async def filled(self) -> list[str]:
        """The tables that have rows, but for the default project, which any command makes."""

    async def clear(self) -> None:
        """Delete the default project."""

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows, all or none.

        Raises:
            InvalidInput: they do not fit.
        """


def open_source(url: str) -> AbstractAsyncContextManager[Source]:
    """The installation at a database's URL, to be read.

    Raises:
        JournalUnavailable: it cannot be read, or is not one of this program's version.
        SettingsInvalid: the library for the database is not installed.
    """
    source: AbstractAsyncContextManager[Source] = _module(url).open_source(url)
    return source


def open_target(url: str) -> AbstractAsyncContextManager[Target]:
    """The installation at a database's URL, made and migrated if need be, to be filled.

    Everything is written at the end of the block, or nothing if it raises.

    Raises:
        JournalUnavailable: it cannot be written.
        SettingsInvalid: the library for the database is not installed.
    """
    target: AbstractAsyncContextManager[Target] = _module(url).open_target(url)
    return target


def _module(url: str) -> Any:
    if url.startswith(SQLITE):
        return import_module("minizaps.journal.sqlite.dump")
    try:
        return import_module("minizaps.journal.postgres.dump")
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"MINIZAPS_DATABASE_URL: Postgres needs {error.name}: install minizaps[postgres]"
        ) from None


async def export_journal(source: Source, out: BinaryIO) -> Counts:
    """Write a dump; return how many rows of each table are in it."""
    digest = hashlib.sha256()

    def write(value: Any) -> None:
        line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
        digest.update(line)
        out.write(line)

    columns = {table.name: table.columns for table in TABLES}
    made = {"at": to_text(SystemClock().now()), "program": version("minizaps")}
    write({"kind": KIND, "format": FORMAT, **made, "tables": columns})
    counts: Counts = {}
    for table in TABLES:
        count = 0
        async for page in source.pages(table):
            for row in page:
                write([table.name, *row])
            count += len(page)
        counts[table.name] = count
    write({"rows": counts, "sha256": digest.hexdigest()})
    return counts
