"""Conditions on a JSON value, as data: `{"field": "a.b", "op": "gt", "value": 5}`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Literal

import orjson
from pydantic import Field, model_validator

from minizaps.connectors.base import ConnectorConfig
from minizaps.connectors.computing import bad_input
from minizaps.connectors.paths import MISSING, parse_path, value_at
from minizaps.definition.expressions.filters_regex import MAX_PATTERN, compile_pattern

MOST_MATCHING = 10**8  # characters, times the instructions of the pattern

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le
}  # fmt: skip
_NUMBERS = (int, float)


class Condition(ConnectorConfig):
    """What has to be true of an item."""

    field: str = Field(
        default="",
        max_length=500,
        description="The path to the value, such as `customer.address.city` or `lines.0.sku`; the "
        "item itself if left out.",
    )
    op: Literal[
        "eq", "ne", "gt", "ge", "lt", "le", "in", "contains", "starts_with", "ends_with",
        "exists", "empty", "matches",
    ] = Field(
        default="eq",
        description="How it compares. `in`: it is an item of the list `value`. `contains`: a "
        "text or a list has `value` in it. `exists`: it is there, even as null. `empty`: it is "
        "missing, null or has no length. `matches`: an RE2 pattern fits the whole text.",
    )  # fmt: skip
    value: Any = Field(
        default=None,
        description="What it is compared with; for `exists` and `empty`, false turns them round.",
    )

    @model_validator(mode="after")
    def _value_fits(self) -> Condition:
        value, op = self.value, self.op
        if op == "in" and not isinstance(value, list):
            raise ValueError("in needs a list as its value")
        if op in ("starts_with", "ends_with") and not isinstance(value, str):
            raise ValueError(f"{op} needs a text as its value")
        if op in _ORDERED and (isinstance(value, bool) or not isinstance(value, (str, *_NUMBERS))):
            raise ValueError(f"{op} needs a number or a text as its value")
        if op in ("exists", "empty") and value not in (None, True, False):
            raise ValueError(f"{op} needs true, false or no value")
        if op == "matches":
            if not isinstance(value, str) or len(value) > MAX_PATTERN:
                raise ValueError(f"matches needs a pattern of {MAX_PATTERN} characters at most")
            if "{{" not in value and isinstance(problem := compile_pattern(value), str):
                raise ValueError(f"the pattern cannot be read: {problem}")
        return self

    def compiled(self) -> Callable[[Any], bool]:
        """What says whether an item meets the condition.

        It raises `ConnectorError` where the types do not go together.
        """
        path = parse_path(self.field)
        test = _matching(self) if self.op == "matches" else _test(self)
        return lambda item: test(value_at(item, path))


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal; unlike in Python, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def _key(value: Any) -> Any:
    """What is equal, and hashed, for equal values: a long list is looked into only once."""
    if isinstance(value, (dict, list)):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return isinstance(value, bool), value


def _test(condition: Condition) -> Callable[[Any], bool]:
    wanted, op = condition.value, condition.op
    match op:
        case "eq":
            return lambda value: same(value, wanted)
        case "ne":
            return lambda value: not same(value, wanted)
        case "in":
            keys = set(map(_key, wanted))
            return lambda value: value is not MISSING and _key(value) in keys
        case "exists":
            return lambda value: (value is not MISSING) is (wanted is not False)
        case "empty":
            return lambda value: _is_empty(value) is (wanted is not False)
        case "contains":
            return lambda value: _contains(value, wanted, condition)
        case "starts_with":
            return lambda value: _is_text(value, condition) and value.startswith(wanted)
        case "ends_with":
            return lambda value: _is_text(value, condition) and value.endswith(wanted)
    compare = _ORDERED[op]
    kinds = (str,) if isinstance(wanted, str) else _NUMBERS
    return lambda value: _is(kinds, value, condition) and compare(value, wanted)


def _matching(condition: Condition) -> Callable[[Any], bool]:
    pattern = compile_pattern(condition.value)
    if isinstance(pattern, str):
        raise bad_input(f"{_named(condition)}: the pattern cannot be read: {pattern}")
    left = MOST_MATCHING

    def test(value: Any) -> bool:
        nonlocal left
        if not _is_text(value, condition):
            return False
        left -= len(value) * pattern.programsize
        if left < 0:
            raise bad_input(f"{_named(condition)}: too much text for so large a pattern")
        return pattern.fullmatch(value) is not None

    return test


def _is_empty(value: Any) -> bool:
    return value is MISSING or value is None or value in ("", [], {})


def _contains(value: Any, wanted: Any, condition: Condition) -> bool:
    if isinstance(value, list):
        return any(same(each, wanted) for each in value)
    if not isinstance(wanted, str) and isinstance(value, str):
        raise bad_input(f"{_named(condition)}: it is a text, and `value` is not")
    return _is_text(value, condition) and wanted in value


def _is_text(value: Any, condition: Condition) -> bool:
    return _is((str,), value, condition)


def _is(kinds: tuple[type, ...], value: Any, condition: Condition) -> bool:
    """Whether a value is there; of another type it is an error, since no item would ever pass."""
    if value is MISSING or value is None:
        return False
    if isinstance(value, bool) or not isinstance(value, kinds):
        needed = "a text" if kinds == (str,) else "a number, like `value`"
        raise bad_input(f"{_named(condition)}: it is not {needed}, but {str(value)[:40]!r}")
    return True


def _named(condition: Condition) -> str:
    return f"{condition.field or 'the item'} {condition.op}"
