"""`minizaps connector`: step types: which there are, and how to get more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from minizaps.cli.client import Failed
from minizaps.cli.fields import actions_of, field_rows, smallest_step
from minizaps.cli.output import AsJson, console, print_json, print_table
from minizaps.cli.scaffold import check_name, make_package
from minizaps.connectors.base import BaseConnector
from minizaps.connectors.openapi.connector import ApiConnector, connector_of
from minizaps.connectors.openapi.folder import file_of, save
from minizaps.connectors.openapi.importer import Imported, import_document
from minizaps.connectors.outbound import HttpClient
from minizaps.definition.problems import suggest
from minizaps.engine.engine import WorkflowEngine
from minizaps.engine.packages import origin_of
from minizaps.settings import Settings, load_settings

connector = typer.Typer(
    no_args_is_help=True, help="Step types: list them, write one, import an API."
)


@connector.command("list")
def list_connectors(as_json: AsJson = False) -> None:
    """All step types that connectors do, and where they come from."""
    items = [_described(kind) for kind in sorted(WorkflowEngine.CONNECTOR_MAP)]
    if as_json:
        print_json(items)
        return
    rows = [[i["type"], i["origin"], ", ".join(i["credential"]), _repeats(i)] for i in items]
    print_table(["type", "from", "credential", "idempotent"], rows, empty="No step types.")


@connector.command()
def show(
    step_type: str,
    action: Annotated[
        str | None, typer.Option(help="Of a step type with actions: the one to show.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a step type does, its fields and its credentials. A star marks required fields."""
    if step_type not in WorkflowEngine.CONNECTOR_MAP:
        hint = suggest(step_type, WorkflowEngine.CONNECTOR_MAP)
        raise Failed(f"there is no step type {step_type!r}{hint}")
    found = _described(step_type)
    whole = WorkflowEngine.CONNECTOR_MAP[step_type][1].model_json_schema()
    actions = actions_of(whole)
    if action is not None and action not in actions:
        raise Failed(f"{step_type} has no action {action!r}{suggest(action, actions)}")
    schema = whole if action is None else {**actions[action], "$defs": whole.get("$defs", {})}
    if as_json:
        print_json({**found, "config_schema": schema})
        return
    required = "required" if found["credential_required"] else "optional"
    kinds = f"{' or '.join(found['credential'])} ({required})" if found["credential"] else "none"
    console.print(f"{step_type}  ({found['origin']})", style="bold", markup=False)
    console.print(found["description"], markup=False)
    console.print(f"\ncredential: {kinds}\n", markup=False)
    if actions and action is None:
        rows = [[name, part.get("description", "")] for name, part in actions.items()]
        print_table(["action", "what it does"], rows, empty="")
        console.print(f"\nIts fields: minizaps connector show {step_type} --action ACTION")
        return
    print_table(["field", "type", "meaning"], field_rows(schema), empty="No fields.")
    name = "NAME" if found["credential_required"] else None
    example = orjson.dumps(smallest_step(step_type, schema, name)).decode()
    console.print(f"\nexample: {example}", markup=False, soft_wrap=True)


def _repeats(item: dict[str, Any]) -> str:
    if item["idempotent_by_config"]:
        return "by its config"
    return "yes" if item["idempotent"] else "no"


def _described(kind: str) -> dict[str, Any]:
    found, _ = WorkflowEngine.CONNECTOR_MAP[kind]
    return {
        "type": str(kind),
        "description": found.description(),
        "origin": origin_of(kind, found),
        "credential": [each.type for each in found.credential],
        "credential_required": found.credential_required,
        "idempotent": found.idempotent,
        "idempotent_by_config": found.may_repeat is not BaseConnector.may_repeat,
    }


@connector.command()
def new(
    name: Annotated[str, typer.Argument(help="The step type, such as send_sms.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to make it, else in minizaps-NAME.")
    ] = None,
) -> None:
    """Make a package with a connector, its tests and an example, to begin with."""
    check_name(name, WorkflowEngine.CONNECTOR_MAP)
    target = folder or Path(f"minizaps-{name.replace('_', '-')}")
    for file in make_package(name, target):
        typer.echo(f"  {file}")
    typer.echo(
        f"\nNext:\n  cd {target}\n  pip install -e '.[dev]'\n  pytest\n"
        f"  minizaps connector show {name}"
    )


@connector.command()
def from_openapi(
    spec: Annotated[str, typer.Argument(help="An OpenAPI document, 3.0 or 3.1: a file or a URL.")],
    name: Annotated[
        str | None, typer.Option(help="The step type; made from the title if left out.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The API's address, in place of the document's.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="An operation to take, by its operationId.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an earlier import.")] = False,
) -> None:
    """Make a step type of an API: its operations are the actions. Nothing is generated.

    What is kept is a description in MINIZAPS_CONNECTORS_DIR, which each process reads at its start.
    """
    settings = load_settings()
    imported = import_document(
        _read(spec, settings),
        name=name,
        url=url,
        only=only or (),
        source=spec if _is_url(spec) else "",
    )
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep(imported, settings.connectors_folder, replace=replace)


def _keep(imported: Imported, folder: Path, *, replace: bool) -> None:
    api = imported.api
    present = WorkflowEngine.CONNECTOR_MAP
    imports = {kind for kind, (found, _) in present.items() if issubclass(found, ApiConnector)}
    check_name(api.name, present.keys() - imports)
    if file_of(folder, api.name).exists() and not replace:
        raise Failed(f"{api.name} is imported already: --replace takes the new one")
    connector_of(api)  # what does not become a connector is not kept
    path = save(folder, api)
    count = len(api.operations)
    typer.echo(f"{api.name}: {count} action{'s' if count > 1 else ''} of {api.title} at {api.url}")
    for reason in imported.left_out:
        typer.echo(f"  left out {reason}")
    typer.echo(f"kept in {path}; processes that run take it at their next start")
    typer.echo(f"Next: minizaps connector show {api.name}")


def _is_url(spec: str) -> bool:
    return spec.startswith(("https://", "http://"))


def _read(spec: str, settings: Settings) -> bytes:
    if _is_url(spec):
        return asyncio.run(_fetch(spec, settings))
    try:
        return Path(spec).read_bytes()
    except OSError as error:
        raise Failed(f"cannot read {spec}: {error.strerror}") from None


async def _fetch(url: str, settings: Settings) -> bytes:
    limit = settings.max_response_bytes
    async with HttpClient(allow_networks=settings.networks, max_response_bytes=limit) as http:
        response = await http.request("GET", url)
    if response.status != 200:
        raise Failed(f"{url} answered {response.status}")
    return response.body
