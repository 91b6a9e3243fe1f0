"""Filters that make one type of value from another, and filters on numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

import orjson

from minizaps.definition.expressions.budget import PIECE_ROOM, Budget, Refused
from minizaps.definition.expressions.values import (
    argument_int,
    argument_text,
    json_of,
    need_number,
    need_text,
    number,
    shown,
    text_of,
    utf8,
)

_REQUIRED: Any = object()
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_INT = re.compile(r"[+-]?[0-9]{1,20}")
_LONGEST_NUMBER = 400
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0", ""})
_ROUNDING = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
_EXACT = Context(prec=400)
_JSON_MARKS = ",:[{"


def int_(budget: Budget, value: Any, default: Any = _REQUIRED) -> Any:
    """The value as a whole number, cut off towards zero; `default` where it is none."""
    found = _number_of(value)
    if found is None:
        return _fallback("a whole number", value, default)
    return number(found if type(found) is int else int(number(float(found))))


def float_(budget: Budget, value: Any, default: Any = _REQUIRED) -> Any:
    """The value as a number with a fraction; `default` where it is none."""
    found = _number_of(value)
    if found is None:
        return _fallback("a number", value, default)
    try:
        return number(float(found))
    except OverflowError:
        raise Refused("the number gets too large") from None


def _number_of(value: Any) -> int | float | None:
    if type(value) is str and len(value) <= _LONGEST_NUMBER:
        text = value.strip()
        if _INT.fullmatch(text):
            return int(text)
        return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else None
    if type(value) in (int, float, bool):
        return value  # type: ignore[no-any-return]
    return None


def _fallback(wanted: str, value: Any, default: Any) -> Any:
    if default is _REQUIRED:
        raise Refused(f"cannot make {wanted} of {shown(value)}")
    return default


def string(budget: Budget, value: Any) -> str:
    """The value as it stands in a text."""
    return text_of(value, budget)


def bool_(budget: Budget, value: Any, default: Any = _REQUIRED) -> Any:
    """true for 1, 'true', 'yes', 'on', '1'; false for 0, 'false', 'no', 'off', '0', ''."""
    if type(value) is bool:
        return value
    if type(value) in (int, float) and value in (0, 1):
        return value == 1
    word = value.strip().lower() if type(value) is str and len(value) <= 20 else None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    return _fallback("true or false", value, default)


def abs_(budget: Budget, value: Any) -> Any:
    """The number without its sign."""
    return number(abs(need_number(value)))


def round_(budget: Budget, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """The number with at most `precision` decimals: a half goes up (away from zero)."""
    value = need_number(value)
    digits = argument_int(precision, "precision", -15, 15)
    if argument_text(method, "method") not in _ROUNDING:
        raise Refused(f"needs 'common', 'ceil' or 'floor' as method, not {shown(method)}")
    if type(value) is int and digits >= 0:
        return value
    # The decimal form that people see is rounded, not the binary fraction behind it.
    unit = Decimal(1).scaleb(-digits)
    rounded = Decimal(repr(value)).quantize(unit, _ROUNDING[method], _EXACT)
    return number(int(rounded) if digits <= 0 else float(rounded))


def json(budget: Budget, value: Any) -> str:
    """The value as JSON text."""
    return json_of(value, budget)


def parse_json(budget: Budget, value: Any) -> Any:
    """The value that a JSON text stands for."""
    text = need_text(value)
    budget.text(len(text))
    marks = sum(map(text.count, _JSON_MARKS))
    budget.spend(marks)
    budget.grow(marks * PIECE_ROOM)
    try:
        return orjson.loads(utf8(text))
    except orjson.JSONDecodeError as error:
        raise Refused(f"cannot read the text as JSON: {error}") from None


FILTERS: dict[str, Callable[..., Any]] = {
    "int": int_,
    "float": float_,
    "string": string,
    "bool": bool_,
    "abs": abs_,
    "round": round_,
    "json": json,
    "parse_json": parse_json,
}
