"""`minizaps graph`: a definition as a picture."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from minizaps.cli.files import read_json
from minizaps.cli.graph_tree import draw
from minizaps.cli.output import console
from minizaps.definition.graph import mermaid, outline
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import DefinitionInvalid

PLAIN_WIDTH = 80  # columns, where the output is no terminal


class Format(StrEnum):
    """What a picture is made of."""

    TEXT = "text"
    MERMAID = "mermaid"


def graph(
    file: Annotated[Path, typer.Argument(help="A definition in JSON; - for standard input.")],
    output: Annotated[
        Format, typer.Option("--format", help="text, for the terminal; mermaid, for documents.")
    ] = Format.TEXT,
) -> None:
    """Show a definition as a picture: its steps in their order, with what is inside each.

    The exit code is 1 if the definition is not valid; then its problems are listed. Mermaid as it
    comes draws 500 arrows at most: set its `maxEdges` for a workflow that has more.
    """
    definition = _checked(file)
    if output is Format.MERMAID:
        typer.echo(mermaid(definition), nl=False)
        return
    width = console.width if sys.stdout.isatty() else PLAIN_WIDTH
    for line in draw(outline(definition), width):
        console.print(line, soft_wrap=True)


def _checked(file: Path) -> dict[str, Any]:
    try:
        return WorkflowEngine.check(read_json(file))
    except DefinitionInvalid as error:
        for problem in error.problems:
            typer.echo(f"{file}:{problem.pointer or '/'}  {problem.detail}", err=True)
        raise typer.Exit(1) from None
