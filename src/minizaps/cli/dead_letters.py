"""`minizaps dead-letters`: the failed runs that wait for a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from minizaps.cli.client import Client, fail, run
from minizaps.cli.output import AsJson, print_json, print_table, when

dead_letters = typer.Typer(no_args_is_help=True, help="Work off the failed runs.")

Ids = Annotated[list[str] | None, typer.Argument(help="Runs' ids.")]
Workflow = Annotated[str | None, typer.Option(help="All of a workflow's.")]
ErrorType = Annotated[str | None, typer.Option("--error", help="All with this error's type.")]
Since = Annotated[
    datetime | None, typer.Option(help="All whose run was created then or later (UTC).")
]
Until = Annotated[datetime | None, typer.Option(help="All whose run was created before (UTC).")]


@dead_letters.command("list")
def list_dead_letters(
    workflow: Workflow = None,
    error: ErrorType = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    as_json: AsJson = False,
) -> None:
    """The open dead letters, newest first."""

    async def action(client: Client) -> Any:
        filters = _filters(workflow, error, since, until)
        return await client.get("/dead-letters", **filters, limit=limit)

    page = run(action)
    if as_json:
        print_json(page)
        return
    rows = [
        [
            item["id"],
            item["workflow"]["name"],
            when(item["finished_at"]),
            (item["error"] or {}).get("step"),
            item["error_type"],
            (item["error"] or {}).get("message", "")[:80],
        ]
        for item in page["items"]
    ]
    columns = ["run", "workflow", "failed", "step", "error", ""]
    print_table(columns, rows, empty="No dead letters: nothing waits for you.")


@dead_letters.command()
def replay(
    ids: Ids = None,
    workflow: Workflow = None,
    error: ErrorType = None,
    since: Since = None,
    until: Until = None,
    origin: Annotated[str, typer.Option("--from", help="failed, start, or a path.")] = "failed",
    newest: Annotated[bool, typer.Option("--newest", help="On the newest version.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay some, or all that a filter finds."""
    body = {**_chosen(ids, _filters(workflow, error, since, until)), "replay_from": origin}
    if newest:
        body["version"] = 0
    _handle("replay", body, as_json=as_json)


@dead_letters.command()
def discard(
    ids: Ids = None,
    workflow: Workflow = None,
    error: ErrorType = None,
    since: Since = None,
    until: Until = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Close some without a replay, or all that a filter finds."""
    _handle(
        "discard",
        {**_chosen(ids, _filters(workflow, error, since, until)), "note": note},
        as_json=as_json,
    )


def _filters(
    workflow: str | None, error: str | None, since: datetime | None, until: datetime | None
) -> dict[str, str]:
    bounds = {"from": since, "to": until}
    times = {k: v.replace(tzinfo=UTC).isoformat() for k, v in bounds.items() if v}
    named = {"workflow": workflow, "error": error}
    return {k: v for k, v in named.items() if v is not None} | times


def _chosen(ids: list[str] | None, filters: dict[str, str]) -> dict[str, Any]:
    if ids:
        return {"ids": ids}
    if not filters:
        fail("name runs by their ids, or choose: --workflow, --error, --since, --until", code=2)
    return filters


def _handle(verb: str, body: dict[str, Any], *, as_json: bool) -> None:
    async def action(client: Client) -> Any:
        return await client.post(f"/dead-letters/{verb}", body)

    handled = run(action)
    if as_json:
        print_json(handled)
        return
    for item in handled["items"]:
        done = f"replayed as {item['run_id']}" if item["run_id"] else f"{verb}ed"
        typer.echo(f"{item['id']}: {item['error'] or done}")
    if not handled["items"]:
        typer.echo("No open dead letter was chosen.")
    if handled["more"]:
        typer.echo("There are more: call again.")
    if any(item["error"] for item in handled["items"]):
        raise typer.Exit(1)
