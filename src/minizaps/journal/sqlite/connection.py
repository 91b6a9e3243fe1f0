"""The embedded database: how its connections are opened and its schema is brought up to date."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import apsw

from minizaps.errors import JournalUnavailable

BUSY_MS = 5_000


def connect(path: Path, *, read_only: bool = False) -> apsw.Connection:
    """A connection with the settings that the promises rest on (WAL, `synchronous=FULL`)."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    if not read_only:
        flags |= apsw.SQLITE_OPEN_CREATE
    try:
        db = apsw.Connection(str(path), flags=flags, statementcachesize=200)
        db.set_busy_timeout(BUSY_MS)
        db.execute("PRAGMA cache_size = -65536")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        if not read_only:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA wal_autocheckpoint = 4000")
            db.execute("PRAGMA journal_size_limit = 67108864")
    except apsw.Error as error:
        raise JournalUnavailable(f"cannot open the database {path}: {error}") from error
    return db


def migrate(db: apsw.Connection) -> list[str]:
    """Run the numbered migrations that the database has not had yet, all or none.

    Returns:
        the names of those that ran.

    Raises:
        JournalUnavailable: the database is newer than this program, or takes no writes.
    """
    folder = resources.files("minizaps.journal").joinpath("migrations/sqlite")
    known = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    try:
        with db:
            # The write lock first: of several processes that start at once, one migrates.
            db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) STRICT")
            done = {name for (name,) in db.execute("SELECT name FROM migrations")}
            if newer := sorted(done - set(known)):
                raise JournalUnavailable(
                    f"the database was written by a newer Mini-Zaps ({newer[-1]}): upgrade this one"
                )
            missing = [name for name in known if name not in done]
            for name in missing:
                db.execute(folder.joinpath(name).read_text())
                db.execute("INSERT INTO migrations VALUES (?)", (name,))
    except apsw.Error as error:
        raise JournalUnavailable(f"cannot migrate the database: {error}") from error
    return missing


def create_private(path: Path) -> None:
    """Make the database's folder and file, readable by their owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
