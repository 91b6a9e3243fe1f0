"""What can be said of a connector without executing it: schema, documentation, facts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import ValidationError

from minizaps.connectors.base import BaseConnector, ConnectorConfig
from minizaps.credentials.credential import Credential

Connector = type[BaseConnector[Any]]
Config = type[ConnectorConfig]
_NOWHERE = "no_such_field"


def schema_problems(model: Config) -> list[str]:
    """What a form or a page made from the config's JSON Schema would lack."""
    schema = model.model_json_schema()
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [f"the schema is not valid: {error.message}"]
    problems = []
    for where, part in _objects(model.__name__, schema):
        if part.get("additionalProperties") is not False:
            problems.append(f"{where} takes unknown fields: inherit from ConnectorConfig")
        for name, field in part["properties"].items():
            if "const" not in field and not field.get("description"):
                problems.append(f"{where}.{name} has no description")
    return problems


def _objects(name: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, part in {name: schema, **schema.get("$defs", {})}.items():
        if "properties" in part:
            yield where, part


def strictness_problems(model: Config, example: dict[str, Any]) -> list[str]:
    """Whether the example is accepted, and refused with an unknown field beside."""
    try:
        model.model_validate(example)
    except ValidationError as error:
        return [f"the example config is refused: {error}"]
    try:
        model.model_validate({**example, _NOWHERE: 1})
    except ValidationError as error:
        kinds = {each["type"] for each in error.errors()}
        return [] if "extra_forbidden" in kinds else [f"an unknown field is refused as {kinds}"]
    return ["an unknown field is taken: inherit from ConnectorConfig"]


def documentation_problems(connector: Connector, model: Config) -> list[str]:
    """What a page of the reference would lack."""
    problems = []
    for kind in (connector, model):
        text = inspect.cleandoc(vars(kind).get("__doc__") or "")
        first = text.partition("\n\n")[0]
        if not first.endswith("."):
            problems.append(f"the docstring of {kind.__name__} does not begin with a sentence")
    return problems


def facts_problems(connector: Connector) -> list[str]:
    """Facts that are no such thing, or that contradict each other."""
    problems = []
    if not connector.timeout > 0:
        problems.append(f"timeout is {connector.timeout}: more than 0 s is needed")
    if connector.pure and not connector.idempotent:
        problems.append("it is pure and not idempotent: what only computes may be run again")
    if connector.credential_required and not connector.credential:
        problems.append("credential_required is set, and credential names no type")
    kinds: Any = connector.credential
    if not all(isinstance(kind, type) and issubclass(kind, Credential) for kind in kinds):
        return [*problems, "credential is no tuple of classes that inherit from Credential"]
    names = [getattr(kind, "type", None) for kind in kinds]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        problems.append(f"the types of its credentials are {names}: each needs its own `type`")
    return problems
