"""The definition format as JSON Schema 2020-12, with each step type's own config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from minizaps.definition.steps import BLOCKS, Takes
from minizaps.definition.workflow import Definition

JsonObject = dict[str, Any]
_TEMPLATE = {"type": "string", "pattern": r"\{\{"}
_BLOCK_DEFS = {
    "foreach": "Foreach",
    "parallel": "Parallel",
    "switch": "Switch",
    "workflow": "Call",
    "wait": "Wait",
}


def definition_schema(
    config_models: Mapping[str, type[BaseModel]], takes: Mapping[str, Takes]
) -> JsonObject:
    """The schema of a definition.

    Args:
        config_models: the config model of each connector's step type.
        takes: the credentials of the step types that take some.
    """
    schema = Definition.model_json_schema(ref_template="#/$defs/{model}")
    defs = schema["$defs"]
    step = defs["Step"]
    step["properties"]["type"]["enum"] = sorted(config_models)
    step["allOf"] = []
    for kind, model in sorted(config_models.items()):
        config = _define(defs, model)
        chosen = {"properties": {"type": {"const": kind}}, "required": ["type"]}
        then: JsonObject = {"properties": {"config": {"$ref": f"#/$defs/{model.__name__}"}}}
        required = ["config"] if config.get("required") else []
        if kind not in takes:
            then["properties"]["credential"] = {"type": "null"}
        elif takes[kind].required:
            then["properties"]["credential"] = {"type": "string"}
            required.append("credential")
        if required:
            then["required"] = required
        step["allOf"].append({"if": chosen, "then": then})
    for kind, model in BLOCKS.items():
        _define(defs, model)
        properties = defs[_BLOCK_DEFS[kind]]["properties"]
        if "config" in properties:
            properties["config"] = {"$ref": f"#/$defs/{model.__name__}"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _define(defs: JsonObject, model: type[BaseModel]) -> JsonObject:
    """Add a config's schema, in which each field may be given by an expression."""
    name = model.__name__
    config = model.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
    for part, part_schema in config.pop("$defs", {}).items():
        defs[f"{name}.{part}"] = _allow_templates(part_schema)
    defs[name] = _allow_templates(config)
    return config


def _allow_templates(schema: JsonObject) -> JsonObject:
    """The same object schema, whose fields may each be given by an expression, but for some."""
    properties = {
        name: _allow_template(field) for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _allow_template(field: JsonObject) -> JsonObject:
    if field.get("template") is False:
        return {**field, "not": _TEMPLATE}
    return field if _takes_text(field) else _or(field)


def _takes_text(field: JsonObject) -> bool:
    return field.get("type") == "string" and not {"enum", "pattern"} & field.keys()


def _or(field: JsonObject) -> JsonObject:
    notes = {k: v for k, v in field.items() if k in ("description", "default", "title")}
    rest = {k: v for k, v in field.items() if k not in notes}
    return {**notes, "anyOf": [*([rest] if rest else [{}]), _TEMPLATE]}
