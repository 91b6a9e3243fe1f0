"""Fills a database with copies of its ended runs, under new ids, as if they had come earlier."""

from __future__ import annotations

import random
import time
from itertools import islice
from pathlib import Path

import apsw

from minizaps.ids import uuid7

SPREAD_MS = 10 * 86_400_000  # the copies lie in the ten days before today
DAY_MS = 86_400_000
RUN_TIMES = frozenset({"created_at", "started_at", "finished_at"})
EVENT_TIMES = frozenset({"at"})


def copy_runs(path: Path, number: int, *, chunk: int = 20_000) -> None:
    """Add that many copies, in the order of their new ids; nothing else may have it open."""
    db = apsw.Connection(str(path))
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -262144")
    db.execute(
        "CREATE TEMP TABLE copies (id TEXT PRIMARY KEY, source TEXT, shift INT) WITHOUT ROWID"
    )
    runs = _copy_statement(db, "runs", "id", RUN_TIMES)
    events = _copy_statement(db, "events", "run_id", EVENT_TIMES)
    query = "SELECT id, created_at FROM runs WHERE finished_at IS NOT NULL"
    sources: list[tuple[str, int]] = [(str(i), int(str(at))) for i, at in db.execute(query)]
    first = int(time.time() * 1000) - DAY_MS - SPREAD_MS
    moments = (first + n * SPREAD_MS // number for n in range(number))
    while some := list(islice(moments, chunk)):
        rows = [
            (uuid7(at), source, at - was)
            for at, (source, was) in zip(some, random.choices(sources, k=len(some)), strict=True)
        ]
        with db:
            db.execute("DELETE FROM copies")
            db.executemany("INSERT INTO copies VALUES (?, ?, ?)", rows)
            db.execute(runs)
            db.execute(events)
    db.execute("DROP TABLE copies")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _copy_statement(db: apsw.Connection, table: str, key: str, times: frozenset[str]) -> str:
    """What copies a table's rows for all that `copies` names, whatever columns it has."""
    columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    chosen = [
        "c.id" if name == key else f"t.{name} + c.shift" if name in times else f"t.{name}"
        for name in columns
    ]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(chosen)} "
        f"FROM copies c CROSS JOIN {table} t ON t.{key} = c.source ORDER BY c.id"
    )
