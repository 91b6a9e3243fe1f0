"""The definition format as JSON Schema 2020-12, with each step type's own config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from minizaps.definition.workflow import Definition

_TEMPLATE = {"type": "string", "pattern": r"\{\{"}


def definition_schema(config_models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The schema of a definition.

    Args:
        config_models: the config model of each step type.
    """
    schema = Definition.model_json_schema(ref_template="#/$defs/{model}")
    defs = schema["$defs"]
    step = defs["Step"]
    step["properties"]["type"]["enum"] = sorted(config_models)
    step["allOf"] = []
    for kind, model in sorted(config_models.items()):
        name = model.__name__
        config = model.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        for part, part_schema in config.pop("$defs", {}).items():
            defs[f"{name}.{part}"] = _allow_templates(part_schema)
        defs[name] = _allow_templates(config)
        chosen = {"properties": {"type": {"const": kind}}, "required": ["type"]}
        then: dict[str, Any] = {"properties": {"config": {"$ref": f"#/$defs/{name}"}}}
        if config.get("required"):
            then["required"] = ["config"]
        step["allOf"].append({"if": chosen, "then": then})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _allow_templates(schema: dict[str, Any]) -> dict[str, Any]:
    """The same object schema, whose fields may each be given by an expression."""
    properties = {
        name: field if field.get("type") == "string" and "enum" not in field else _or(field)
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _or(field: dict[str, Any]) -> dict[str, Any]:
    notes = {k: v for k, v in field.items() if k in ("description", "default", "title")}
    rest = {k: v for k, v in field.items() if k not in notes}
    return {**notes, "anyOf": [*([rest] if rest else [{}]), _TEMPLATE]}
