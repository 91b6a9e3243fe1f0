"""The schemas of an OpenAPI document, as JSON Schema 2020-12 for values that are sent."""

from __future__ import annotations

import re
from itertools import chain, count
from typing import Any

from minizaps.connectors.openapi.document import Document, wrong
from minizaps.definition.input_schema import schema_problems
from minizaps.definition.strict_json import join_pointer

MOST = 50_000  # schemas that one API may have
_NAMED = ("properties", "dependentSchemas")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE = (
    *("items", "additionalProperties", "not", "contains", "propertyNames"),
    *("if", "then", "else", "unevaluatedItems", "unevaluatedProperties"),
)
_KEPT = (
    *("type", "enum", "const", "format", "title", "description", "default", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems"),
    *("maxItems", "uniqueItems", "minProperties", "maxProperties", "minContains", "maxContains"),
    "dependentRequired",
)
_NOTES = ("title", "description", "default")


class Schemas:
    """Turns schemas into JSON Schema 2020-12; those that are referred to are collected.

    What describes answers only (`readOnly`) or the document itself is left out.

    Attributes:
        found: the schemas that others refer to, `#/$defs/NAME`.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._pending: list[tuple[str, Any, str]] = []
        self._count = 0
        self.found: dict[str, Any] = {}

    def convert(self, schema: Any, pointer: str) -> Any:
        """A schema of the document.

        Raises:
            InvalidInput: it is none, or refers to what is not there.
        """
        converted = self._convert(schema, pointer)
        while self._pending:  # one after the other: references make long chains
            name, target, place = self._pending.pop()
            self.found[name] = self._convert(target, place)
        return converted

    def _convert(self, schema: Any, pointer: str) -> Any:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise wrong(pointer, "is no schema")
        self._count += 1
        if self._count > MOST:
            raise wrong(pointer, f"more than {MOST:,} schemas: choose some of the operations")
        if isinstance(reference := schema.get("$ref"), str):
            name = self._named(reference, f"{pointer}/$ref")
            beside = {} if self._document.old else self._members(schema, pointer)
            return {"$ref": f"#/$defs/{name}", **beside}
        converted = self._members(schema, pointer)
        return _modern(schema, converted) if self._document.old else converted

    def _members(self, schema: dict[str, Any], pointer: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in schema.items():
            place = join_pointer(pointer, key)
            if key in _NAMED and isinstance(value, dict):
                made[key] = {
                    name: self._convert(part, join_pointer(place, name))
                    for name, part in value.items()
                    if not (isinstance(part, dict) and part.get("readOnly") is True)
                }
            elif key in _LISTED and isinstance(value, list):
                made[key] = [self._convert(p, f"{place}/{n}") for n, p in enumerate(value)]
            elif key in _SINGLE and isinstance(value, (dict, bool)):
                made[key] = self._convert(value, place)
            elif key in _KEPT or (key == "pattern" and not schema_problems({key: value}, "")):
                made[key] = value
        if isinstance(required := schema.get("required"), list):
            properties = schema.get("properties")
            known = properties if isinstance(properties, dict) else {}
            made["required"] = [n for n in required if n not in known or n in made["properties"]]
        return made

    def _named(self, reference: str, pointer: str) -> str:
        if reference not in self._names:
            target = self._document.look_up(reference, pointer)
            word = re.sub(r"[^A-Za-z0-9_.-]", "_", reference.rpartition("/")[2]) or "schema"
            names = chain([word], (f"{word}_{number}" for number in count(2)))
            name = next(name for name in names if name not in self.found)
            self._names[reference] = name
            self.found[name] = True  # its place is taken until it is converted
            self._pending.append((name, target, reference[1:]))
        return self._names[reference]


def _modern(schema: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 writes in its own way."""
    for bound in ("Minimum", "Maximum"):
        exclusive, inclusive = f"exclusive{bound}", bound.lower()
        if made.get(exclusive) is True and inclusive in made:
            made[exclusive] = made.pop(inclusive)
        elif isinstance(made.get(exclusive), bool):
            del made[exclusive]
    if schema.get("nullable") is not True:
        return made
    if isinstance(kind := made.get("type"), str):
        made["type"] = [kind, "null"]
        if "enum" in made and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
        return made
    notes = {k: v for k, v in made.items() if k in _NOTES}
    rest = {k: v for k, v in made.items() if k not in _NOTES}
    return notes | {"anyOf": [rest, {"type": "null"}]}
