"""A workflow's `input_schema`: JSON Schema 2020-12, offline, with linear-time patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import re2
from jsonschema import Draft202012Validator, validators
from referencing import Registry

from minizaps.definition.strict_json import join_pointer
from minizaps.errors import Problem

MOST_PROBLEMS = 50

InputCheck = Callable[[Any], list[Problem]]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def _match_pattern(
    validator: Any, pattern: str, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if validator.is_type(instance, "string") and not re2.search(pattern, instance, _OPTIONS):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _match_pattern}
)


def schema_problems(schema: Any, pointer: str) -> list[Problem]:
    """What is wrong with a JSON Schema itself."""
    try:
        Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return [Problem(_at(pointer, error.absolute_path), error.message)]
    return list(_pattern_problems(schema, pointer))


def _pattern_problems(schema: Any, pointer: str) -> Iterator[Problem]:
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "patternProperties":
            yield Problem(join_pointer(pointer, key), "patternProperties is not supported")
        if key == "$ref" and isinstance(value, str) and not value.startswith("#"):
            yield Problem(join_pointer(pointer, key), "only references within the schema (#...)")
        if key == "pattern" and isinstance(value, str):
            try:
                re2.compile(value, _OPTIONS)
            except re2.error as error:
                yield Problem(join_pointer(pointer, key), f"not a supported pattern: {error}")
        for part, item in _parts(value):
            yield from _pattern_problems(item, join_pointer(join_pointer(pointer, key), part))
        yield from _pattern_problems(value, join_pointer(pointer, key))


def _parts(value: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(value) if isinstance(value, list) else iter(())


def compile_schema(schema: Any) -> InputCheck:
    """A function that lists what is wrong with an input, each at its JSON pointer."""
    validator = _Validator(schema, registry=Registry())

    def check(value: Any) -> list[Problem]:
        errors = sorted(validator.iter_errors(value), key=lambda e: str(e.json_path))
        return [
            Problem(_at("", error.absolute_path), error.message[:500])
            for error in errors[:MOST_PROBLEMS]
        ]

    return check


def _at(pointer: str, path: Any) -> str:
    for part in path:
        pointer = join_pointer(pointer, part)
    return pointer
