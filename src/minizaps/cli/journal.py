"""`minizaps journal`: a whole installation's data: move it, measure it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from minizaps.cli.client import Failed
from minizaps.cli.stats import stats
from minizaps.errors import InvalidInput
from minizaps.journal.dump import Counts, export_journal, open_source, open_target
from minizaps.journal.load import import_journal
from minizaps.settings import POSTGRES, SQLITE, load_settings

journal = typer.Typer(no_args_is_help=True, help="Move and measure all of the data.")

BUFFER = 2**20
Url = Annotated[
    str | None, typer.Option("--database", help="Another one than MINIZAPS_DATABASE_URL.")
]


@journal.command("export")
def export_(
    file: Annotated[Path, typer.Argument(help="Where to; - is standard output.")] = Path("-"),
    url: Url = None,
) -> None:
    """Write all of the installation, runs in flight too, as lines of JSON.

    It is one consistent snapshot. It holds hook URLs and hashes of keys: keep it private.
    """
    counts, seconds = asyncio.run(_export(_chosen(url), file))
    _say(f"exported {_sum(counts)}", file, counts, seconds)


async def _export(url: str, file: Path) -> tuple[Counts, float]:
    start = time.monotonic()
    async with open_source(url) as source:
        if await source.used():
            sys.stderr.write(
                "minizaps: a Mini-Zaps process uses this database, and runs go on there. As a "
                "backup the export is whole; for a move, stop all processes first.\n"
            )
        with _output(file) as out:
            counts = await export_journal(source, out)
    return counts, time.monotonic() - start


@journal.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An export; - is standard input.")],
    url: Url = None,
) -> None:
    """Read an export into an empty database, all of it or nothing.

    Runs that were in flight go on when a worker starts.
    """
    counts, seconds = asyncio.run(_import(_chosen(url), file))
    _say(f"imported {_sum(counts)}", file, counts, seconds)


journal.command()(stats)


async def _import(url: str, file: Path) -> tuple[Counts, float]:
    start = time.monotonic()
    with _input(file) as lines:
        async with open_target(url) as target:
            try:
                counts = await import_journal(target, lines)
            except InvalidInput as error:
                raise Failed(f"{file}: {error}; nothing was imported") from None
    return counts, time.monotonic() - start


def _chosen(url: str | None) -> str:
    if url is None:
        return load_settings().database
    if not url.startswith((SQLITE, *POSTGRES)):
        raise Failed("--database: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")
    return url


@contextmanager
def _output(path: Path) -> Iterator[BinaryIO]:
    """A file that is there, and on disk, only when it is whole."""
    if str(path) == "-":
        try:
            with open(sys.stdout.fileno(), "wb", BUFFER, closefd=False) as out:
                yield out
        except BrokenPipeError:
            raise Failed("standard output was closed before the end") from None
        return
    part = path.with_name(path.name + ".part")
    try:
        handle = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(handle, "wb", BUFFER) as out:
            yield out
            out.flush()
            os.fsync(handle)
        part.replace(path)
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _input(path: Path) -> Iterator[BinaryIO]:
    try:
        handle = sys.stdin.fileno() if str(path) == "-" else os.open(path, os.O_RDONLY)
    except OSError as error:
        raise Failed(f"cannot read {path}: {error.strerror}") from None
    with open(handle, "rb", BUFFER) as lines:
        yield lines


def _sum(counts: Counts) -> str:
    return ", ".join(f"{counts[name]:,} {name}" for name in ("workflows", "runs", "events"))


def _say(what: str, file: Path, counts: Counts, seconds: float) -> None:
    rows = sum(counts.values())
    sys.stderr.write(f"{what}: {rows:,} rows in {seconds:.1f} s\n")
