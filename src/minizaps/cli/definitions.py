"""`minizaps run`, `validate` and `schema`: working on definitions, without a server."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from minizaps.api.server import create_server
from minizaps.app import open_app
from minizaps.cli.client import Client, Failed, as_local
from minizaps.cli.files import parse_argument, read_json
from minizaps.cli.live import follow
from minizaps.cli.output import AsJson, print_json, when
from minizaps.cli.runs import exit_code
from minizaps.cli.story import print_end
from minizaps.clock import SystemClock, to_text
from minizaps.definition.due import first_due, next_due
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import InvalidInput
from minizaps.settings import load_settings
from minizaps.simulation.suite import is_suite, load, workflow_of

SHOWN = 5  # times of a trigger


def run(
    file: Annotated[Path, typer.Argument(help="A definition in JSON; - for standard input.")],
    new_input: Annotated[
        str, typer.Option("--input", help="The input, `trigger.body`: JSON, or @FILE.")
    ] = "null",
    called: Annotated[
        list[Path] | None,
        typer.Option("--with", help="A workflow that it calls; those that call others last."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a definition to its end, here and now, and show its steps live.

    The exit code is 0 if the run succeeds, 1 if it fails. Nothing is kept.
    """
    definition = read_json(file)
    value = parse_argument(new_input, "--input")
    logging.getLogger("minizaps").addHandler(logging.NullHandler())
    others = [read_json(path) for path in called or ()]
    ended = asyncio.run(_run(definition, others, value, as_json=as_json))
    raise typer.Exit(exit_code(ended))


async def _run(definition: Any, others: list[Any], value: Any, *, as_json: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="minizaps-") as folder:
        settings = load_settings().model_copy(
            update={"data_dir": Path(folder), "database_url": "", "shutdown_grace": 0.0}
        )
        async with open_app(settings) as app:
            transport = httpx.ASGITransport(as_local(create_server(app)))
            async with httpx.AsyncClient(transport=transport, base_url="http://local") as http:
                client = Client(http, local=True)
                for other in others:
                    await client.post("/workflows", other, active=False)
                workflow = await client.post("/workflows", definition, active=False)
                path = f"/workflows/{workflow['id']}/runs"
                started = await client.post(path, {"input": value})
                ended = await follow(client, started["id"], quiet=as_json, answerable=False)
                if as_json:
                    steps = (await client.get(f"/runs/{started['id']}/steps"))["items"]
                    print_json({**ended, "steps": steps})
                else:
                    print_end(ended | {"dead_letter": None})
                return ended


def validate(
    files: Annotated[
        list[Path], typer.Argument(help="Definitions in JSON, and files with their tests.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check definitions, and files with their tests; the exit code is 0 only if all are valid."""
    found = {str(file): _problems(file) for file in files}
    if as_json:
        print_json([{"file": file, "problems": problems} for file, problems in found.items()])
    else:
        for file, problems in found.items():
            lines = [f"{file}:{p['pointer']}  {p['detail']}" for p in problems]
            typer.echo("\n".join(lines or [f"{file}: valid", *_schedules(Path(file))]))
    if any(found.values()):
        raise typer.Exit(1)


def _schedules(file: Path) -> list[str]:
    """When the triggers of a valid definition would fire."""
    if str(file) == "-" or is_suite(file):
        return []
    now, lines = SystemClock().now(), []
    for trigger in WorkflowEngine.check(read_json(file)).get("triggers", ()):
        kind, config = trigger["type"], trigger.get("config", {})
        if (due_at := first_due(kind, config, now, None)) is not None:
            times = map(when, map(to_text, next_due(kind, config, due_at, SHOWN)))
            lines.append(f"  {trigger['id']}: {kind}, next: {', '.join(times)}")
    return lines


def _problems(file: Path) -> list[dict[str, str]]:
    try:
        if is_suite(file):
            load(workflow_of(file), file)
        else:
            WorkflowEngine.check(read_json(file))
    except InvalidInput as error:
        places = [p.pointer.removeprefix(f"{file}:") or "/" for p in error.problems]
        found = zip(places, error.problems, strict=True)
        return [{"pointer": place, "detail": p.detail} for place, p in found]
    except Failed as error:
        return [{"pointer": "", "detail": str(error).removeprefix(f"{file}: ")}]
    return []


def schema() -> None:
    """The definition format as JSON Schema 2020-12, for editors."""
    print_json(WorkflowEngine.schema())
