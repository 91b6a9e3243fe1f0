"""What commands print: tables for people, JSON for machines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

UUID_WIDTH = 36
WIDE = 160  # columns, where the output is no terminal

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JSON_SHOWN = 400

STYLES = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "retrying": "yellow",
    "caught": "yellow",
    "waiting": "cyan",
    "running": "cyan",
    "queued": "cyan",
    "skipped": "dim",
}
MARKS = {
    "succeeded": "✓",
    "failed": "✗",
    "caught": "✗",
    "cancelled": "■",
    "interrupted": "!",
    "retrying": "↻",
    "waiting": "…",
    "running": "▸",
    "skipped": "-",
}


def print_json(value: Any) -> None:
    """One JSON value, indented."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """A table; `empty` is said where there are no rows."""
    if not rows:
        console.print(empty, style="dim")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        whole = UUID_WIDTH if column in ("id", "run") else None
        table.add_column(column, no_wrap=True, min_width=whole)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell or "")) for cell in row))
    console.print(table)


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, STYLES.get(status, ""))


def when(moment: str | None) -> str:
    """A time as people read it, in their own zone."""
    if moment is None:
        return ""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def took(start: str | None, end: str | None) -> str:
    """How long something took."""
    if start is None or end is None:
        return ""
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def short(value: Any, limit: int = JSON_SHOWN) -> str:
    """A value as one line of JSON, cut where it is long."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} bytes)"
