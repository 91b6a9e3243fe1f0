"""`minizaps credentials`: the secrets that steps and triggers use."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from minizaps.cli.client import Client, fail, path_of, run
from minizaps.cli.credential_fields import read_fields
from minizaps.cli.output import AsJson, console, print_json, print_table, when

credentials = typer.Typer(no_args_is_help=True, help="Keep and try credentials, encrypted.")

PATIENCE = 600.0  # seconds that a person may take to agree
LOOK_AGAIN = 1.0

Name = Annotated[str, typer.Argument(help="The credential's name.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field that is no secret; repeatable."),
]
Secret = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD", help="A secret field: asked for, or a line of standard input; repeatable."
    ),
]
FromFile = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD=PATH", help="A field whose value is a file's text; repeatable."),
]
DataFile = Annotated[
    Path | None,
    typer.Option("--data", help="A JSON file with all fields; `-` is standard input."),
]


@credentials.command("list")
def list_credentials(as_json: AsJson = False) -> None:
    """The project's credentials, without their secrets."""

    async def action(client: Client) -> Any:
        return (await client.get("/credentials", limit=200))["items"]

    items = run(action)
    if as_json:
        print_json(items)
        return
    rows = [[c["name"], c["type"], c["state"], when(c["updated_at"]), c["problem"]] for c in items]
    empty = "No credentials. Make one: minizaps credentials create NAME --type TYPE"
    print_table(["name", "type", "state", "changed", "problem"], rows, empty=empty)


@credentials.command("types")
def list_types(as_json: AsJson = False) -> None:
    """The types of credentials, with their fields; secret ones are marked."""

    async def action(client: Client) -> Any:
        return (await client.get("/credential-types"))["items"]

    items = run(action, create=True)
    if as_json:
        print_json(items)
        return
    for kind in items:
        console.print(f"[bold]{kind['type']}[/bold]  {kind['description']}")
        console.print(f"  {_fields_of(kind['schema'])}", markup=False)
    console.print("\n* required   ! secret: give it with --secret", style="dim")


@credentials.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """One credential, without its secrets."""

    async def action(client: Client) -> Any:
        return await client.get(path_of("credentials", name))

    _print(run(action), as_json)


@credentials.command()
def create(
    name: Name,
    kind: Annotated[str, typer.Option("--type", help="See `minizaps credentials types`.")],
    fields: Set = None,
    secret: Secret = None,
    from_file: FromFile = None,
    data: DataFile = None,
    as_json: AsJson = False,
) -> None:
    """Keep a credential. At a terminal, what is required and not given is asked for."""

    async def action(client: Client) -> Any:
        schema = await _schema(client, kind)
        given = read_fields(schema, fields, secret, from_file, data, complete=True)
        return await client.post("/credentials", {"name": name, "type": kind, "data": given})

    made = run(action, create=True)
    if made["state"] == "unconnected" and not as_json:
        typer.echo(f"{name} is kept. Now connect it: minizaps credentials connect {name}")
        return
    _print(made, as_json)


@credentials.command()
def update(
    name: Name,
    fields: Set = None,
    secret: Secret = None,
    from_file: FromFile = None,
    data: DataFile = None,
    as_json: AsJson = False,
) -> None:
    """Change fields of a credential; the others stay as they are."""

    async def action(client: Client) -> Any:
        present = await client.get(path_of("credentials", name))
        schema = await _schema(client, present["type"])
        given = read_fields(schema, fields, secret, from_file, data, complete=False)
        change = {"data": present["data"] | given}
        return await client.put(path_of("credentials", name), change)

    _print(run(action), as_json)


@credentials.command()
def delete(
    name: Name,
    force: Annotated[bool, typer.Option(help="Also where a workflow uses it.")] = False,
) -> None:
    """Delete a credential that no workflow uses."""

    async def action(client: Client) -> Any:
        query = "?force=true" if force else ""
        return await client.delete(path_of("credentials", name) + query)

    run(action)
    typer.echo(f"{name} is deleted")


@credentials.command("test")
def try_credential(name: Name, as_json: AsJson = False) -> None:
    """Find out whether a credential is accepted, without an effect where that is possible."""

    async def action(client: Client) -> Any:
        return await client.post(path_of("credentials", name) + "/test")

    tried = run(action)
    if as_json:
        print_json(tried)
    elif tried["ok"]:
        console.print(f"[green]✓[/green] {name}: {tried['detail']}")
    if not tried["ok"]:
        fail(tried["detail"])


@credentials.command()
def connect(
    name: Name,
    wait: Annotated[bool, typer.Option(help="Wait until somebody has agreed.")] = True,
) -> None:
    """Ask for a person's consent to an `oauth2` credential; they open a link in a browser."""

    async def action(client: Client) -> Any:
        asked = await client.post(path_of("credentials", name) + "/authorize")
        return asked["url"], await client.get(path_of("credentials", name))

    url, before = run(action)
    typer.echo(f"Open this in a browser, and agree:\n\n  {url}\n")
    typer.echo("The server takes the answer, so it has to be running. The link works for 10 min.")
    sys.stdout.flush()  # whoever reads a pipe sees it before the wait
    if wait:
        _wait(name, before)


async def _schema(client: Client, kind: str) -> dict[str, Any]:
    """The schema of a type of credentials; empty where it is not known."""
    types = (await client.get("/credential-types"))["items"]
    return next((t["schema"] for t in types if t["type"] == kind), {})


def _wait(name: str, before: dict[str, Any]) -> None:
    async def look(client: Client) -> Any:
        return await client.get(path_of("credentials", name))

    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        now = run(look)
        if now["problem"] and now["problem"] != before["problem"]:
            fail(f"{name}: {now['problem']}")
        connected = now["state"] == "ready" and now != before
        if connected:
            typer.echo(f"{name} is connected")
            return
        time.sleep(LOOK_AGAIN)
    fail("nobody has agreed in time: ask again")


def _fields_of(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return ", ".join(
        name + ("*" if name in required else "") + ("!" if "writeOnly" in str(field) else "")
        for name, field in schema.get("properties", {}).items()
    )


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    console.print(f"[bold]{found['name']}[/bold]  {found['type']}  {found['state']}")
    if found["problem"]:
        console.print(f"  {found['problem']}", style="red", markup=False)
    for field, value in found["data"].items():
        console.print(f"  {field:<20} {value}", markup=False)
    for field in found["secrets"]:
        if field not in found["data"]:
            console.print(f"  {field:<20} ***")
