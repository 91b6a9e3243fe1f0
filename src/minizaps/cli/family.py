"""The tree of runs that call each other."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from rich.tree import Tree

from minizaps.cli.client import Client
from minizaps.cli.output import console, status_text, took

MOST = 50  # runs that one run has called which are shown


async def family(client: Client, run: dict[str, Any]) -> dict[str, Any] | None:
    """A run with those that it has called, and those that they have; None if it has called none."""
    page = await client.get("/runs", parent=run["id"], limit=MOST)
    if not page["items"]:
        return None
    called = [
        await family(client, child) or {"run": child, "called": [], "more": False}
        for child in reversed(page["items"])
    ]
    return {"run": run, "called": called, "more": page["next"] is not None}


def print_family(tree: dict[str, Any]) -> None:
    """The runs below a run, a line each."""
    root = Tree(Text("runs that it has called", "bold"), guide_style="dim")
    _add(root, tree)
    console.print()
    console.print(root)


def _add(node: Tree, tree: dict[str, Any]) -> None:
    for below in tree["called"]:
        run = below["run"]
        line = Text.assemble(
            f"{run['parent']['step']}  ",
            (run["workflow"]["name"] or run["workflow"]["id"], "bold"),
            f"  {run['id']}  ",
            status_text(run["status"]),
            (f"  {took(run['created_at'], run['finished_at'])}", "dim"),
        )
        _add(node.add(line), below)
    if tree["more"]:
        node.add(Text(f"and more: minizaps runs list --parent {tree['run']['id']}", "dim"))
