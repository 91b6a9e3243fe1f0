"""`minizaps workflows`: create, update, list, show, start, activate, roll back, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from minizaps.cli.client import Client, path_of, run
from minizaps.cli.files import parse_argument, read_json
from minizaps.cli.output import AsJson, console, print_json, print_table, when

workflows = typer.Typer(no_args_is_help=True, help="Save workflows and start them.")

Named = Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow's id or name.")]
File = Annotated[Path, typer.Argument(help="A definition in JSON; - for standard input.")]


@workflows.command("list")
def list_workflows(as_json: AsJson = False) -> None:
    """All workflows, newest first."""

    async def action(client: Client) -> Any:
        items: list[Any] = []
        cursor = None
        while True:
            page = await client.get("/workflows", limit=200, cursor=cursor)
            items += page["items"]
            if (cursor := page["next"]) is None:
                return items

    items = run(action)
    if as_json:
        print_json(items)
        return
    rows = [
        [w["name"], w["version"], "yes" if w["active"] else "no", when(w["updated_at"]), w["id"]]
        for w in items
    ]
    print_table(["name", "version", "active", "changed", "id"], rows, empty="No workflows yet.")


@workflows.command()
def show(workflow: Named, as_json: AsJson = False) -> None:
    """A workflow's definition and triggers."""

    async def action(client: Client) -> Any:
        return await client.get(path_of("workflows", workflow))

    found = run(action)
    if as_json:
        print_json(found)
        return
    _print_saved(found, "active" if found["active"] else "not active")
    console.print_json(data=found["definition"])


@workflows.command()
def create(
    file: File,
    active: Annotated[bool, typer.Option(help="Whether its triggers fire.")] = True,
    as_json: AsJson = False,
) -> None:
    """Save a new workflow."""
    definition = read_json(file)

    async def action(client: Client) -> Any:
        return await client.post("/workflows", definition, active=active)

    _say(run(action, create=True), "saved", as_json=as_json)


@workflows.command()
def update(
    workflow: Named,
    file: File,
    expect: Annotated[
        int | None, typer.Option(help="Refuse if the present version is another.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a new version of a workflow."""
    definition = read_json(file)
    headers = {} if expect is None else {"If-Match": f'"{expect}"'}

    async def action(client: Client) -> Any:
        return await client.put(path_of("workflows", workflow), definition, headers)

    _say(run(action), "saved", as_json=as_json)


@workflows.command()
def start(
    workflow: Named,
    new_input: Annotated[str, typer.Option("--input", help="JSON, or @FILE.")] = "null",
    wait: Annotated[
        float | None, typer.Option(min=0, max=60, help="Seconds to wait for the end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a run by hand."""
    body = {"input": parse_argument(new_input, "--input")}

    async def action(client: Client) -> tuple[Any, bool]:
        path = path_of("workflows", workflow) + "/runs"
        return await client.post(path, body, wait=wait), client.local

    started, local = run(action)
    if as_json:
        print_json(started)
        return
    typer.echo(f"{started['id']} is {started['status']}")
    if local and started["status"] == "queued":
        typer.echo("A server on this data folder (minizaps serve) runs it.")


@workflows.command()
def activate(workflow: Named) -> None:
    """Let its triggers fire."""
    _change(workflow, "activate", "active")


@workflows.command()
def deactivate(workflow: Named) -> None:
    """Stop its triggers."""
    _change(workflow, "deactivate", "not active")


@workflows.command()
def versions(workflow: Named, as_json: AsJson = False) -> None:
    """A workflow's versions, newest first."""

    async def action(client: Client) -> Any:
        return (await client.get(path_of("workflows", workflow) + "/versions", limit=200))["items"]

    items = run(action)
    if as_json:
        print_json(items)
        return
    rows = [[v["version"], when(v["created_at"]), v["created_by"]] for v in items]
    print_table(["version", "saved", "by"], rows, empty="No versions.")


@workflows.command()
def rollback(workflow: Named, version: int) -> None:
    """Save the definition of an earlier version as a new one."""

    async def action(client: Client) -> Any:
        return await client.post(path_of("workflows", workflow) + "/rollback", {"version": version})

    _say(run(action), f"back to version {version}", as_json=False)


@workflows.command()
def delete(workflow: Named) -> None:
    """Delete a workflow; its runs go on and stay."""

    async def action(client: Client) -> Any:
        return await client.delete(path_of("workflows", workflow))

    run(action)
    typer.echo(f"{workflow} is deleted")


def _change(workflow: str, verb: str, result: str) -> None:
    async def action(client: Client) -> Any:
        return await client.post(path_of("workflows", workflow) + f"/{verb}")

    _say(run(action), result, as_json=False)


def _say(saved: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(saved)
    else:
        _print_saved(saved, what)


def _print_saved(saved: dict[str, Any], what: str) -> None:
    typer.echo(f"{saved['name']} (version {saved['version']}) {what}  {saved['id']}")
    for trigger in saved["triggers"]:
        typer.echo(f"  {trigger['id']}: {trigger['type']} {trigger['url'] or ''}".rstrip())
        if trigger["next_fires"]:
            typer.echo(f"    next: {', '.join(map(when, trigger['next_fires']))}")
        if trigger["last_fired_at"]:
            typer.echo(f"    last: {when(trigger['last_fired_at'])}")
        if (error := trigger["error"]) is not None:
            times = f"{trigger['failures']} times in a row, " if trigger["failures"] > 1 else ""
            typer.echo(f"    failed {times}last {when(error['at'])}: {error['detail']}")
