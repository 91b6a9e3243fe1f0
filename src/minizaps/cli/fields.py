"""The fields of a step type's config, in words, and the smallest step of it."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
_EXAMPLES: dict[str, Any] = {
    "string": "...",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


def actions_of(schema: Schema) -> dict[str, Schema]:
    """The schema of each action, where the config has several; else none."""
    defs = schema.get("$defs", {})
    mapping = schema.get("discriminator", {}).get("mapping", {})
    return {name: defs[reference.rpartition("/")[2]] for name, reference in mapping.items()}


def field_rows(schema: Schema) -> list[list[str]]:
    """Name, type and meaning of each field; a star marks those that are required."""
    required = schema.get("required", [])
    return [
        [f"{name}*" if name in required else name, type_text(field), field.get("description", "")]
        for name, field in schema.get("properties", {}).items()
    ]


def type_text(field: Schema) -> str:
    """A field's type in a few words."""
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if choices := field.get("anyOf") or field.get("oneOf"):
        words = [type_text(choice) for choice in choices if choice.get("type") != "null"]
        return " | ".join(dict.fromkeys(words))
    match field.get("type"):
        case "array":
            return f"list of {type_text(field.get('items', {}))}"
        case list() as kinds:
            return " | ".join(kind for kind in kinds if kind != "null")
        case str(kind):
            return kind
    return "anything"


def smallest_step(step_type: str, schema: Schema, credential: str | None) -> Schema:
    """A step with the fields that are required, or the first one where none is."""
    properties = schema.get("properties", {})
    names = schema.get("required") or list(properties)[:1]
    defs = schema.get("$defs", {})
    config = {name: _example(properties[name], defs) for name in names if name in properties}
    step: Schema = {"type": step_type}
    return step | ({"credential": credential} if credential else {}) | {"config": config}


def _example(field: Schema, defs: Schema) -> Any:
    for key in ("const", "default"):
        if field.get(key) is not None:
            return field[key]
    if "enum" in field:
        return field["enum"][0]
    if "$ref" in field:
        return {}
    if choices := field.get("anyOf") or field.get("oneOf"):
        return _example(choices[0], defs)
    kind = field.get("type")
    if kind == "object":
        properties = field.get("properties", {})
        required = [name for name in field.get("required", ()) if name in properties]
        return {name: _example(properties[name], defs) for name in required}
    return _EXAMPLES.get(kind[0] if isinstance(kind, list) else kind or "string")
