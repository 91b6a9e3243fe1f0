"""How large an installation is: runs, rows, bytes."""

from __future__ import annotations

from dataclasses import dataclass

from minizaps.journal.database import Database
from minizaps.journal.listings import Listings
from minizaps.journal.schema import TABLES
from minizaps.journal.sqlite.database import SqliteDatabase

COUNTED = 2**30  # bytes; of a Postgres database above it rows are estimated, not counted
ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table's size.

    Attributes:
        rows: None where nobody knows without counting them.
        bytes: without its indexes.
    """

    name: str
    rows: int | None
    bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """An installation's size.

    Attributes:
        exact: whether rows were counted; else those that can be many are as estimated by the
            database, and all ended runs are under `ended`.
        runs: how many there are of each status.
        oldest_run: when the oldest run was created, in milliseconds.
        database_bytes: all of it, other tables too.
    """

    exact: bool
    runs: dict[str, int]
    dead_letters: int
    oldest_run: int | None
    tables: list[TableSize]
    database_bytes: int

    @property
    def events(self) -> int | None:
        """How many events there are."""
        return next(table.rows for table in self.tables if table.name == "events")

    @property
    def bytes_per_run(self) -> int | None:
        """What a run takes on average, with its events, its key and all indexes."""
        total = sum(self.runs.values())
        of_runs = [t for t in self.tables if t.name in ("runs", "events", "idempotency")]
        size = sum(table.bytes + table.index_bytes for table in of_runs)
        return size // total if total else None


async def measure(database: Database) -> Sizes:
    """The size of an installation, at about this moment."""
    ((size,),) = await database.rows("size_database")
    found = {name: sizes for name, *sizes in await database.rows("size_tables")}
    rows = {name: about for name, (about, _, _) in found.items()}
    exact = size < COUNTED or isinstance(database, SqliteDatabase)
    listings = Listings(database)
    if exact:
        runs = {str(status): count for status, count in await database.rows("count_statuses")}
        for name, count in await database.rows("count_rows"):
            rows[name] = count
        rows["runs"] = sum(runs.values())
    else:
        runs = {str(s): count for s, (count, _) in (await listings.live_counts()).items()}
        runs[ENDED] = max(0, (rows["runs"] or 0) - sum(runs.values()))
    oldest = await database.rows("oldest_run")
    return Sizes(
        exact=exact,
        runs=runs,
        dead_letters=await listings.open_dead_letters(),
        oldest_run=oldest[0][0] if oldest else None,
        tables=[TableSize(t.name, rows[t.name], *found[t.name][1:]) for t in TABLES],
        database_bytes=size,
    )
