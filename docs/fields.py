"""Tables of a Pydantic model's fields, read from its JSON Schema."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from docs.markdown import code, table

Schema = dict[str, Any]
_BOUNDS = (
    ("minimum", "{} or more"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "{} at most"),
    ("minLength", ""),
    ("maxLength", "{} characters at most"),
    ("minItems", ""),
    ("maxItems", "{} at most"),
)


def field_rows(model: type[BaseModel], *, default: str | None = None) -> list[list[str]]:
    """Name, type, default and meaning of each field.

    Args:
        default: said in place of every field's own default.
    """
    schema = model.model_json_schema()
    if "$ref" in schema:  # a model that contains itself
        schema = schema["$defs"][model.__name__]
    required = schema.get("required", [])
    return [
        [
            code(name),
            type_text(field),
            "required" if name in required else default or _default(field),
            field.get("description", ""),
        ]
        for name, field in schema.get("properties", {}).items()
    ]


def field_table(model: type[BaseModel], *, default: str | None = None) -> str:
    """The fields of a model as a table."""
    rows = field_rows(model, default=default)
    return table(["field", "type", "default", "meaning"], rows)


def type_text(field: Schema) -> str:
    """A field's type in words."""
    if _is_duration(field):
        return " ".join(["duration", *_bounds(field)])
    if "$ref" in field:
        return code(field["$ref"].rpartition("/")[2])
    choices = [c for c in field.get("anyOf") or field.get("oneOf") or () if c != {"type": "null"}]
    if choices:
        text = " or ".join(type_text(choice) for choice in choices)
        return text.replace("string or integer or number or boolean", "scalar")
    if "enum" in field:
        return ", ".join(code(json.dumps(value)) for value in field["enum"])
    if "const" in field:
        return code(json.dumps(field["const"]))
    return ", ".join([_plain(field), *_bounds(field)])


def _plain(field: Schema) -> str:
    match field.get("type"):
        case "array":
            inner = type_text(field.get("items", {}))
            return f"list of ({inner})" if "," in inner else f"list of {inner}"
        case "object":
            inner = field.get("additionalProperties")
            return (
                f"object of {type_text(inner)}" if isinstance(inner, dict) and inner else "object"
            )
        case "string" if field.get("format") == "date-time":
            return "time"
        case "string" if field.get("format") == "password":
            return "secret"
        case "string":
            return "string"
        case str(kind):
            return kind
    return "anything"


def _is_duration(field: Schema) -> bool:
    kinds = [c.get("type") for c in field.get("anyOf", ()) if c != {"type": "null"}]
    texts = [c for c in field.get("anyOf", ()) if str(c.get("pattern", "")).startswith("^P")]
    nested = [c for c in field.get("anyOf", ()) if "anyOf" in c and _is_duration(c)]
    return bool(nested) or (kinds == ["number", "string"] and bool(texts))


def _bounds(field: Schema) -> list[str]:
    if "minimum" in field and "maximum" in field:
        return [f"{_number(field['minimum'])} to {_number(field['maximum'])}"]
    return [
        "not empty" if key in ("minLength", "minItems") else text.format(_number(field[key]))
        for key, text in _BOUNDS
        if key in field
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else str(value)


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return code(json.dumps(value))
