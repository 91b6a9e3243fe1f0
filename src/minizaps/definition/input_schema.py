"""A workflow's `input_schema`: JSON Schema 2020-12, offline, with linear-time patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import islice
from typing import Any

import jsonschema
import orjson
import re2
from jsonschema import Draft202012Validator, validators
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from minizaps.definition.strict_json import join_pointer
from minizaps.errors import Problem

MOST_PROBLEMS = 50
MOST_EVALUATIONS = 100_000

InputCheck = Callable[[Any], list[Problem]]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_REFERENCES = ("$ref", "$dynamicRef")
_BY_NAME = ("properties", "$defs", "dependentSchemas")  # hold schemas under names of any kind
_DATA = ("const", "enum", "default", "examples")


def _match_pattern(
    validator: Any, pattern: str, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    if validator.is_type(instance, "string") and not re2.search(pattern, instance, _OPTIONS):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique_items(
    validator: Any, unique: bool, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """In linear time, where the library compares each item with all others."""
    if unique and validator.is_type(instance, "array"):
        items = {orjson.dumps(_comparable(item), option=orjson.OPT_SORT_KEYS) for item in instance}
        if len(items) < len(instance):
            yield jsonschema.ValidationError("the array has an item twice")


def _comparable(value: Any) -> Any:
    """The value with 1.0 as 1: numbers are compared by their value."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items()}
    return value


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _match_pattern, "uniqueItems": _unique_items}
)


class _TooMuch(Exception):
    """The schema asks for more evaluations than it may."""


_left: ContextVar[int] = ContextVar("evaluations left")


def _descend(validator: Any, *args: Any, **kwargs: Any) -> Iterator[jsonschema.ValidationError]:
    """As the library's, counted: references that branch can double the work at each level."""
    left = _left.get(MOST_EVALUATIONS)
    if left <= 0:
        raise _TooMuch
    _left.set(left - 1)
    errors: Iterator[jsonschema.ValidationError] = _library_descend(validator, *args, **kwargs)
    return errors


_library_descend = _Validator.descend
_Validator.descend = _descend


def schema_problems(schema: Any, pointer: str) -> list[Problem]:
    """What is wrong with a JSON Schema itself."""
    try:
        Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return [Problem(_at(pointer, error.absolute_path), error.message)]
    resolver = Registry[Any]().resolver_with_root(DRAFT202012.create_resource(schema))
    return list(_keyword_problems(schema, pointer, resolver))


def _keyword_problems(part: Any, here: str, resolver: Any) -> Iterator[Problem]:
    for key, value in _members(part):
        place = join_pointer(here, key)
        if key in _BY_NAME and isinstance(value, dict):
            for name, named in value.items():
                yield from _keyword_problems(named, join_pointer(place, name), resolver)
        elif key in _REFERENCES and isinstance(value, str):
            yield from _reference_problems(value, place, resolver)
        elif key == "patternProperties":
            yield Problem(place, "patternProperties is not supported")
        elif key == "pattern" and isinstance(value, str):
            yield from _pattern_problems(value, place)
        elif key not in _DATA:
            yield from _keyword_problems(value, place, resolver)


def _members(part: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(part, dict):
        yield from part.items()
    elif isinstance(part, list):
        yield from enumerate(part)


def _reference_problems(reference: str, pointer: str, resolver: Any) -> Iterator[Problem]:
    if not reference.startswith("#"):
        yield Problem(pointer, "only references within the schema (#...)")
        return
    try:
        resolver.lookup(reference)
    except Unresolvable:
        yield Problem(pointer, f"there is nothing at {reference}")


def _pattern_problems(pattern: str, pointer: str) -> Iterator[Problem]:
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        yield Problem(pointer, f"not a supported pattern: {error}")


def compile_schema(schema: Any, *, at_missing: bool = False) -> InputCheck:
    """A function that lists what is wrong with an input, each at its JSON pointer.

    Args:
        at_missing: whether what is missing is told at the place where it would be.
    """
    validator = _Validator(schema, registry=Registry())

    def check(value: Any) -> list[Problem]:
        _left.set(MOST_EVALUATIONS)
        try:
            errors = list(islice(validator.iter_errors(value), MOST_PROBLEMS))
        except RecursionError:
            return [Problem("", "the input_schema refers to itself without end")]
        except _TooMuch:
            return [Problem("", "the input_schema asks for too many evaluations of this input")]
        except Unresolvable as error:
            return [Problem("", f"the input_schema cannot be applied: {error}")]
        errors.sort(key=lambda error: str(error.json_path))
        return [_missing(error) if at_missing else _problem(error) for error in errors]

    return check


def _problem(error: jsonschema.ValidationError) -> Problem:
    return Problem(_at("", error.absolute_path), error.message[:500])


def _missing(error: jsonschema.ValidationError) -> Problem:
    found, names = _problem(error), error.validator_value
    if error.validator != "required" or not isinstance(names, list):
        return found
    name = next(name for name in names if error.message.startswith(repr(name)))
    return Problem(join_pointer(found.pointer, name), "is required")


def _at(pointer: str, path: Any) -> str:
    for part in path:
        pointer = join_pointer(pointer, part)
    return pointer
