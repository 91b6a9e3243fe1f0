"""`minizaps journal stats`: how large the installation is."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from minizaps.cli.client import Failed
from minizaps.cli.output import AsJson, console, print_json, when
from minizaps.clock import to_text
from minizaps.journal.open import open_database
from minizaps.journal.sizes import Sizes, measure
from minizaps.settings import Settings, load_settings, shown


def stats(as_json: AsJson = False) -> None:
    """How many runs there are, and the bytes of each table with its indexes."""
    settings = load_settings()
    if (path := settings.database_path) is not None and not path.exists():
        raise Failed(f"there is no Mini-Zaps data at {path}")
    sizes = asyncio.run(_measure(settings))
    wal = None if path is None else _wal(path)
    if as_json:
        print_json(_values(sizes, wal))
    else:
        _print(sizes, wal, shown(settings.database))


async def _measure(settings: Settings) -> Sizes:
    database = await open_database(settings.database, connections=2)
    try:
        return await measure(database)
    finally:
        await database.close()


def _wal(path: Path) -> int:
    wal = path.with_name(path.name + "-wal")
    return wal.stat().st_size if wal.exists() else 0


def _values(sizes: Sizes, wal: int | None) -> dict[str, Any]:
    return {
        **asdict(sizes),
        "oldest_run": to_text(sizes.oldest_run),
        "events": sizes.events,
        "bytes_per_run": sizes.bytes_per_run,
        "wal_bytes": wal,
    }


def _print(sizes: Sizes, wal: int | None, url: str) -> None:
    about = "" if sizes.exact else "about "
    facts = {
        "database": f"{url}, {_bytes(sizes.database_bytes)}",
        "log": f"{_bytes(wal)} not yet in the database file" if wal else None,
        "runs": f"{about}{sum(sizes.runs.values()):,}",
        "": ", ".join(f"{count:,} {status}" for status, count in sizes.runs.items()) or None,
        "dead letters": f"{sizes.dead_letters:,} open",
        "oldest run": when(to_text(sizes.oldest_run)) or None,
        "a run takes": sizes.bytes_per_run and f"{_bytes(sizes.bytes_per_run)} on average",
    }
    grid = Table.grid(padding=(0, 2))
    for name, fact in facts.items():
        if fact:
            grid.add_row(name, fact)
    console.print(grid)
    console.print()
    console.print(_table(sizes))


def _table(sizes: Sizes) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("table")
    for name in ("rows" if sizes.exact else "rows, about", "data", "indexes", "together"):
        table.add_column(name, justify="right")
    for size in sorted(sizes.tables, key=lambda size: -size.bytes - size.index_bytes):
        rows = "" if size.rows is None else f"{size.rows:,}"
        together = size.bytes + size.index_bytes
        table.add_row(size.name, rows, *map(_bytes, (size.bytes, size.index_bytes, together)))
    return table


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
