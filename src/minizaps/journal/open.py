"""Opening the database that a URL names."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from minizaps.errors import SettingsInvalid
from minizaps.journal.database import Database
from minizaps.journal.sqlite.database import SqliteDatabase
from minizaps.settings import SQLITE


async def open_database(url: str, *, connections: int = 10) -> Database:
    """Open the database at `sqlite:///PATH` or `postgresql://...`, made and migrated if need be.

    Args:
        connections: how many a process has to Postgres, at most.

    Raises:
        JournalUnavailable: it cannot be opened, or a newer program wrote it.
        SettingsInvalid: the library for it is not installed, or the server is not safe.
    """
    if url.startswith(SQLITE):
        return await SqliteDatabase.open(Path(url.removeprefix(SQLITE)))
    try:
        # Its library is an extra, which an installation on SQLite does not have.
        module = import_module("minizaps.journal.postgres.database")
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"MINIZAPS_DATABASE_URL: Postgres needs {error.name}: install minizaps[postgres]"
        ) from None
    database: Database = await module.PostgresDatabase.open(url, connections=connections)
    return database
