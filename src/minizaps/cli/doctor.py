"""`minizaps doctor`: is this installation sound?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from importlib import import_module

import typer

from minizaps.brokers.open import open_broker
from minizaps.cli import doctor_sqlite
from minizaps.errors import BrokerUnavailable, MinizapsError
from minizaps.settings import Settings, load_settings

Finding = tuple[bool, str]


def doctor() -> None:
    """Check settings, database, disk, clock and broker; the exit code is 0 only if all is well."""
    try:
        settings = load_settings()
    except MinizapsError as error:
        _say((False, f"settings: {error}"))
        raise typer.Exit(1) from None
    _say((True, "settings"))
    if not asyncio.run(_examine(settings)):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> bool:
    well = True
    async for finding in _findings(settings):
        _say(finding)
        well = well and finding[0]
    return well


def _say(finding: Finding) -> None:
    good, text = finding
    typer.echo(f"{'ok  ' if good else 'BAD '}  {text}")


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    if (path := settings.database_path) is not None:
        for finding in doctor_sqlite.findings(path):
            yield finding
    else:
        async for finding in _postgres(settings):
            yield finding
    if settings.broker_url:
        yield await _broker(settings.broker_url)
    year = time.gmtime().tm_year
    yield year >= 2026, f"clock: {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC"


async def _postgres(settings: Settings) -> AsyncIterator[Finding]:
    try:
        # Its library is an extra, which an installation on SQLite does not have.
        module = import_module("minizaps.cli.doctor_postgres")
    except ModuleNotFoundError as error:
        yield False, f"database: Postgres needs {error.name}: install minizaps[postgres]"
        return
    async for finding in module.findings(settings):
        yield finding


async def _broker(url: str) -> Finding:
    """A message without runs goes the whole way; workers pass over it."""
    try:
        broker = open_broker(url)
    except MinizapsError as error:
        return False, f"broker: {error}"
    start = time.perf_counter()
    try:
        await broker.publish([])
    except BrokerUnavailable as error:
        return False, f"broker: {str(error).rstrip('.')}; meanwhile the sweep finds runs"
    finally:
        await broker.close()
    took = (time.perf_counter() - start) * 1000
    return True, f"broker {broker.name}: took a message in {took:.1f} ms"
