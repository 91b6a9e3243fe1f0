"""`minizaps runs`: list, show, watch, cancel, replay."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from minizaps.cli.client import Client, Failed, run
from minizaps.cli.family import family, print_family
from minizaps.cli.files import parse_argument
from minizaps.cli.live import follow
from minizaps.cli.output import (
    AsJson,
    print_json,
    print_table,
    short,
    status_text,
    took,
    when,
)
from minizaps.cli.story import print_end, print_story

runs = typer.Typer(no_args_is_help=True, help="Look at runs, cancel and replay them.")

RunId = Annotated[str | None, typer.Argument(help="The run's id; the newest if left out.")]

TheRun = Annotated[str, typer.Argument(help="The run's id.")]


@runs.command("list")
def list_runs(
    workflow: Annotated[str | None, typer.Option(help="A workflow's id or name.")] = None,
    status: Annotated[str | None, typer.Option(help="queued, running, waiting, ...")] = None,
    parent: Annotated[str | None, typer.Option(help="Those that this run has called.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest runs."""

    async def action(client: Client) -> Any:
        return await client.get(
            "/runs", workflow=workflow, status=status, parent=parent, limit=limit
        )

    page = run(action)
    if as_json:
        print_json(page)
        return
    rows = [
        [
            item["id"],
            item["workflow"]["name"],
            status_text(item["status"]),
            item["trigger"]["type"],
            when(item["created_at"]),
            took(item["created_at"], item["finished_at"]),
            item["error_type"],
        ]
        for item in page["items"]
    ]
    columns = ["run", "workflow", "status", "trigger", "created", "took", "error"]
    print_table(columns, rows, empty="There are no such runs.")


@runs.command()
def show(run_id: RunId = None, as_json: AsJson = False) -> None:
    """The whole story of a run."""

    async def action(client: Client) -> tuple[Any, Any, Any]:
        chosen = run_id or await newest(client)
        found = await client.get(f"/runs/{chosen}")
        steps = (await client.get(f"/runs/{chosen}/steps"))["items"]
        return found, steps, await family(client, found)

    found, steps, tree = run(action)
    if as_json:
        print_json({**found, "steps": steps})
        return
    print_story(found, steps)
    if tree is not None:
        print_family(tree)


@runs.command()
def watch(run_id: RunId = None) -> None:
    """Follow a run until it ends; the exit code is 0 only if it succeeds."""

    async def action(client: Client) -> Any:
        return await follow(client, run_id or await newest(client))

    ended = run(action)
    print_end(ended)
    raise typer.Exit(exit_code(ended))


@runs.command()
def cancel(run_id: TheRun) -> None:
    """End a run that has not ended."""

    async def action(client: Client) -> Any:
        return await client.post(f"/runs/{run_id}/cancel")

    typer.echo(f"{run(action)['id']} is cancelled")


@runs.command()
def answer(
    run_id: TheRun,
    step: Annotated[str | None, typer.Option(help="The step's path, if several wait.")] = None,
    body: Annotated[str | None, typer.Option(help="What it waits for: JSON, or @FILE.")] = None,
    approved: Annotated[
        bool | None, typer.Option("--approve/--reject", help="Where it asks for a decision.")
    ] = None,
    comment: Annotated[str | None, typer.Option(help="Why.")] = None,
) -> None:
    """Answer a step that waits for its callback URL, or for a decision."""
    given = None if body is None else parse_argument(body, "--body")
    said = {"step": step, "body": given, "approved": approved, "comment": comment}

    async def action(client: Client) -> Any:
        return await client.post(f"/runs/{run_id}/answer", said)

    answered = run(action)
    typer.echo(f"{answered['step']} is answered: {short(answered['output'])}")


@runs.command()
def replay(
    run_id: TheRun,
    origin: Annotated[
        str, typer.Option("--from", help="start, failed, or the path of a step.")
    ] = "failed",
    new_input: Annotated[
        str | None, typer.Option("--input", help="A new input: JSON, or @FILE.")
    ] = None,
    newest_version: Annotated[
        bool, typer.Option("--newest", help="On the workflow's newest version.")
    ] = False,
    pin: Annotated[
        list[str] | None,
        typer.Option(help="PATH=JSON: an output that a step is to have; it does not run."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a new run that takes over the results before a step."""
    body: dict[str, Any] = {"from": origin, "pins": dict(map(_pin, pin or ()))}
    if new_input is not None:
        body["input"] = parse_argument(new_input, "--input")
    if newest_version:
        body["version"] = 0

    async def action(client: Client) -> Any:
        return await client.post(f"/runs/{run_id}/replay", body)

    started = run(action)
    if as_json:
        print_json(started)
    else:
        typer.echo(f"{started['id']} is {started['status']}, a replay of {run_id}")


def _pin(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter("write PATH=JSON, such as order='{\"total\": 5}'")
    return path, parse_argument(value, f"--pin {path}")


async def newest(client: Client) -> str:
    """The id of the newest run."""
    items = (await client.get("/runs", limit=1))["items"]
    if not items:
        raise Failed("there are no runs yet")
    return str(items[0]["id"])


def exit_code(ended: dict[str, Any]) -> int:
    """0 for a run that succeeded, 1 for one that failed, 3 for one that was cancelled."""
    return {"succeeded": 0, "failed": 1}.get(ended["status"], 3)
