"""`minizaps keys`: API keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from minizaps.api.auth import Role
from minizaps.cli.client import Client, fail, run
from minizaps.cli.output import AsJson, print_json, print_table, when

keys = typer.Typer(
    no_args_is_help=True, help="API keys, and the secret key that encrypts credentials."
)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """The project's keys, without their secrets."""

    async def action(client: Client) -> Any:
        return (await client.get("/keys", limit=200))["items"]

    items = run(action)
    if as_json:
        print_json(items)
        return
    rows = [
        [k["name"], k["role"], k["prefix"] + "…", when(k["created_at"]), k["created_by"], k["id"]]
        for k in items
    ]
    print_table(["name", "role", "key", "made", "by", "id"], rows, empty="No keys.")


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="Who or what uses it.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    project: Annotated[str | None, typer.Option(help="Another project's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once."""

    async def action(client: Client) -> Any:
        body = {"name": name, "role": role, "project": project}
        return await client.post("/keys", body)

    made = run(action, create=True)
    if as_json:
        print_json(made)
        return
    typer.echo(f"{made['name']} ({made['role']}), shown only this once:\n  {made['key']}")


@keys.command()
def delete(key_id: str) -> None:
    """Delete a key: it is refused from now on."""

    async def action(client: Client) -> Any:
        return await client.delete(f"/keys/{key_id}")

    run(action)
    typer.echo(f"{key_id} is deleted")


@keys.command()
def rotate() -> None:
    """Encrypt all credentials under a new secret key.

    A key in the data folder is replaced by a new one. Where MINIZAPS_SECRET_KEY or a file of yours
    holds the keys, put the new key first, restart all processes, then run this.
    """

    async def action(client: Client) -> Any:
        return await client.post("/keys/rotate")

    rotated = run(action)
    count = rotated["credentials"]
    noun = "credential is" if count == 1 else "credentials are"
    typer.echo(f"{count} {noun} encrypted under the present secret key")
    if rotated["unreadable"]:
        fail(f"without their key, these stay as they are: {', '.join(rotated['unreadable'])}")
