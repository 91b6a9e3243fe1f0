"""JSON values: their names, their text, equality and size."""

from __future__ import annotations

import math
from typing import Any

import orjson

from minizaps.definition.expressions.budget import (
    ITEM_ROOM,
    MAX_INT,
    MAX_TEXT,
    MIN_INT,
    PIECE_ROOM,
    Budget,
    Refused,
)

MAX_NESTING = 200  # levels of a value that an expression makes or turns into text

NUMBERS = frozenset({int, float})
SCALARS = frozenset({int, float, str, bool, type(None)})

_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


def name_of(value: Any) -> str:
    """The type of a value in the words of JSON."""
    return _NAMES.get(type(value), f"no JSON value ({type(value).__name__})")


def shown(value: Any) -> str:
    """A short form of a value for messages."""
    if type(value) is str:
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if type(value) is float or (type(value) is int and MIN_INT <= value <= MAX_INT):
        return repr(value)
    return name_of(value)


def number(value: Any) -> Any:
    """The number, if it is one that JSON can carry."""
    if type(value) is int:
        if MIN_INT <= value <= MAX_INT:
            return value
        raise Refused("the number gets too large (64 bits at most)")
    if type(value) is float and math.isfinite(value):
        return value
    raise Refused("the result is no finite number")


def text_of(value: Any, budget: Budget) -> str:
    """The value as it stands in a text: strings plainly, everything else as compact JSON."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind in NUMBERS:
        budget.spend(4 if kind is float else 2)
        return repr(number(value))
    return json_of(value, budget)


def json_of(value: Any, budget: Budget) -> str:
    """The value as compact JSON."""
    size = measure(value, budget)
    if size > MAX_TEXT:
        raise Refused(f"the text gets longer than {MAX_TEXT:,} characters")
    budget.grow(size)
    try:
        text = orjson.dumps(value)
    except TypeError:
        raise Refused("the value cannot be written as JSON") from None
    if len(text) > MAX_TEXT:
        raise Refused(f"the text gets longer than {MAX_TEXT:,} characters")
    return text.decode()


def measure(value: Any, budget: Budget) -> int:
    """How much JSON the value stands for, each repetition counted; refuses what is no JSON."""
    size, depth, level = 0, 0, [value]
    while level:
        budget.spend(len(level))
        depth += 1
        if depth > MAX_NESTING:
            raise Refused(f"the value is nested more than {MAX_NESTING} levels deep")
        below: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is str:
                size += len(each) if each.isascii() else 4 * len(each)
            elif kind is list:
                size += ITEM_ROOM
                if len(below) + len(each) > budget.steps:
                    budget.spend(budget.steps + 1)
                below += each
            elif kind is dict:
                size += ITEM_ROOM
                if len(below) + len(each) * 2 > budget.steps:
                    budget.spend(budget.steps + 1)
                below += each
                below += each.values()
            elif kind in SCALARS:
                size += PIECE_ROOM
            else:
                raise Refused(f"a {kind.__name__} is no JSON value")
        budget.spend(size >> 12)
        level = below
    return size


def equal(left: Any, right: Any, budget: Budget) -> bool:
    """Equality as in JSON: values of different types are different, 1 and 1.0 are the same."""
    pairs = [(left, right)]
    while pairs:
        left, right = pairs.pop()
        kind = type(left)
        if kind in NUMBERS:
            if type(right) not in NUMBERS or left != right:
                return False
        elif kind is not type(right):
            return False
        elif kind is list or kind is dict:
            if len(left) != len(right):
                return False
            budget.spend(len(left) * 2 + 3)
            if kind is list:
                pairs += zip(left, right, strict=True)
                continue
            if left.keys() != right.keys():
                return False
            pairs += [(left[key], right[key]) for key in left]
        else:
            if kind is str:
                budget.spend(len(left) >> 8)
            if left != right:
                return False
    return True


def need_text(value: Any) -> str:
    """The value, which must be a string."""
    if type(value) is not str:
        raise Refused(f"needs a string, not {name_of(value)}")
    return value


def need_list(value: Any) -> list[Any]:
    """The value, which must be a list."""
    if type(value) is not list:
        raise Refused(f"needs a list, not {name_of(value)}")
    return value


def need_object(value: Any) -> dict[str, Any]:
    """The value, which must be an object."""
    if type(value) is not dict:
        raise Refused(f"needs an object, not {name_of(value)}")
    return value


def need_number(value: Any) -> Any:
    """The value, which must be a number."""
    if type(value) not in NUMBERS:
        raise Refused(f"needs a number, not {name_of(value)}")
    return number(value)


def argument_text(value: Any, name: str) -> str:
    """An argument that must be a string."""
    if type(value) is not str:
        raise Refused(f"needs a string as {name}, not {name_of(value)}")
    return value


def argument_int(value: Any, name: str, low: int, high: int) -> int:
    """An argument that must be a whole number within bounds."""
    if type(value) is not int or not low <= value <= high:
        raise Refused(f"needs a whole number from {low} to {high} as {name}, not {shown(value)}")
    return value


def argument_bool(value: Any, name: str) -> bool:
    """An argument that must be true or false."""
    if type(value) is not bool:
        raise Refused(f"needs true or false as {name}, not {shown(value)}")
    return value


def utf8(text: str) -> bytes:
    """The bytes of a text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("the text has half a character (a lone surrogate)") from None
