"""`minizaps worker`: drives runs that others take in."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated

import typer
import uvloop
from prometheus_client import start_http_server

from minizaps.app import open_app
from minizaps.cli.logs import configure_logs
from minizaps.cli.tuning import tune_collector, tune_threads
from minizaps.errors import SettingsInvalid
from minizaps.settings import Settings, load_settings, shown


def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Runs in flight, else MINIZAPS_CONCURRENCY."),
    ] = None,
) -> None:
    """Start a worker without the API; on Postgres any number of them. SIGTERM drains it."""
    settings = load_settings()
    if concurrency is not None:
        settings = settings.model_copy(update={"concurrency": concurrency})
    configure_logs(settings)
    tune_threads()
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_app(settings) as app:
        _serve_metrics(settings)
        tune_collector()
        name = app.worker.name if app.worker else ""
        sys.stdout.write(
            f"Mini-Zaps worker {name} on {shown(settings.database)}, "
            f"{settings.concurrency} runs at a time.  Stop with Ctrl-C.\n"
        )
        sys.stdout.flush()
        await stop.wait()


def _serve_metrics(settings: Settings) -> None:
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port, settings.host)
    except OSError as error:
        raise SettingsInvalid(
            f"cannot serve metrics on {settings.host}:{settings.metrics_port} "
            f"({error.strerror}): set MINIZAPS_METRICS_PORT"
        ) from None
