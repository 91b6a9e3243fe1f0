"""The command `minizaps`."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from minizaps.cli.client import Failed
from minizaps.cli.connector import connector
from minizaps.cli.credentials import credentials
from minizaps.cli.dead_letters import dead_letters
from minizaps.cli.definitions import run, schema, validate
from minizaps.cli.doctor import doctor
from minizaps.cli.graph import graph
from minizaps.cli.journal import journal
from minizaps.cli.keys import keys
from minizaps.cli.runs import runs
from minizaps.cli.serve import serve
from minizaps.cli.testing import run_tests
from minizaps.cli.worker import worker
from minizaps.cli.workflows import workflows
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import InvalidInput, MinizapsError, SettingsInvalid
from minizaps.settings import load_settings

cli = typer.Typer(
    name="minizaps",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Durable workflow automation: workflows in JSON, runs that are never lost.\n\n"
    "Commands that look at workflows and runs talk to the server at MINIZAPS_URL (with "
    "MINIZAPS_API_KEY), else they use the local data folder.",
)
for command in (serve, worker, run, validate, graph, schema, doctor):
    cli.command()(command)
cli.command("test")(run_tests)
for name, group in (
    ("workflows", workflows),
    ("runs", runs),
    ("dead-letters", dead_letters),
    ("credentials", credentials),
    ("connector", connector),
    ("keys", keys),
    ("journal", journal),
):
    cli.add_typer(group, name=name)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"minizaps {installed_version('minizaps')}")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _described() -> Path | None:
    try:
        return load_settings().connectors_folder
    except SettingsInvalid:  # the command says so itself
        return None


def main() -> None:
    """Run a command; what goes wrong is said in a line, not as a traceback."""
    try:
        WorkflowEngine.install_connectors(_described())
        cli()
    except InvalidInput as error:
        lines = "\n  ".join(map(str, error.problems))
        sys.exit(f"minizaps: not valid:\n  {lines}")
    except (Failed, MinizapsError) as error:
        sys.exit(f"minizaps: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
