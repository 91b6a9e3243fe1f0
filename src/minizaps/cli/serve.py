"""`minizaps serve`: the API and a worker in one process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Annotated

import orjson
import typer
import uvicorn
import uvloop

from minizaps.api.auth import Role, new_key
from minizaps.api.protocol import BoundedProtocol
from minizaps.api.server import create_server
from minizaps.app import App, open_app
from minizaps.cli.logs import configure_logs
from minizaps.cli.tuning import tune_collector, tune_threads
from minizaps.errors import Conflict, SettingsInvalid
from minizaps.journal.access import DEFAULT_PROJECT
from minizaps.settings import Settings, load_settings, shown

BACKLOG = 2048


def serve(
    worker: Annotated[
        bool, typer.Option(help="Drive runs too, or only take them in, for workers elsewhere.")
    ] = True,
) -> None:
    """Start the API and a worker; stop them with Ctrl-C or SIGTERM."""
    settings = load_settings()
    configure_logs(settings)
    tune_threads()
    uvloop.run(_serve(settings, worker=worker))


async def _serve(settings: Settings, *, worker: bool) -> None:
    listener = _listen(settings)
    port = listener.getsockname()[1]
    async with open_app(settings.model_copy(update={"port": port}), worker=worker) as app:
        secret = await _first_key(app)
        await _first_workflow(app)
        await _greet(app, secret)
        config = uvicorn.Config(
            create_server(app),
            lifespan="off",
            log_config=None,
            access_log=False,
            http=BoundedProtocol,
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        tune_collector()
        await _Server(config).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Stops on SIGINT and SIGTERM, and leaves the rest of the shutdown to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsInvalid(
            f"cannot listen on {settings.host}:{settings.port} ({os.strerror(error.errno or 0)}): "
            "set MINIZAPS_HOST or MINIZAPS_PORT"
        ) from None


async def _first_key(app: App) -> str | None:
    """An admin key, where there is none yet."""
    if await app.access.has_admin():
        return None
    if not app.settings.loopback:
        raise SettingsInvalid(
            f"MINIZAPS_HOST={app.settings.host} would open the API to others before there is a "
            "key: make one first (minizaps keys create --name admin --role admin)"
        )
    secret, key = new_key(DEFAULT_PROJECT, "admin", Role.ADMIN, by="first start", clock=app.clock)
    return secret if await app.access.create_first_admin(key) else None


async def _first_workflow(app: App) -> None:
    """The example, in an installation that never had a workflow."""
    if await app.catalog.used():
        return
    text = resources.files("minizaps.examples").joinpath("hello.json").read_text()
    definition = app.engine.check(orjson.loads(text))
    with suppress(Conflict):  # another process has started at the same moment
        await app.catalog.create(DEFAULT_PROJECT, definition, active=True, by="first start")


def _command() -> str:
    """How the person at this terminal calls `minizaps`."""
    program = Path(sys.argv[0])
    if shutil.which(program.name) == str(program):
        return program.name
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


async def _greet(app: App, secret: str | None) -> None:
    settings = app.settings
    path = settings.database_path
    data = f"data in {path.parent}" if path else f"data in {shown(settings.database)}"
    lines = [f"Mini-Zaps on {settings.base_url}  ({data})"]
    if app.worker is None:
        lines += ["", "Runs are taken in, not driven: start workers too (minizaps worker)."]
    if secret is not None:
        lines += ["", "Your admin key, shown only this once:", f"  {secret}"]
    if not settings.loopback and not settings.public_url:
        lines += ["", "Set MINIZAPS_PUBLIC_URL to the address that others use: hook URLs need it."]
    for workflow in await app.catalog.workflows(DEFAULT_PROJECT, limit=200):
        if workflow.name == "hello" and workflow.active:
            tokens = [t.token for t in await app.catalog.triggers(workflow.id) if t.token]
            lines += [
                "",
                f"Start the example 'hello', then look at its run ({_command()} runs show):",
                f"  curl -d '{{\"name\": \"Ada\"}}' -H 'Content-Type: application/json' "
                f"{settings.base_url}/hooks/{tokens[0]}",
            ]
    sys.stdout.write("\n".join([*lines, "", "Stop with Ctrl-C.", ""]))
    sys.stdout.flush()
