"""The operators on values. Strict about types: nothing is converted silently."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from minizaps.definition.expressions.budget import Budget, Refused
from minizaps.definition.expressions.values import NUMBERS, SCALARS, equal, name_of, number

Operation = Callable[[Any, Any, Budget], Any]


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any]) -> Operation:
    def operate(left: Any, right: Any, budget: Budget) -> Any:
        if type(left) not in NUMBERS or type(right) not in NUMBERS:
            raise _needs_numbers(symbol, left, right)
        try:
            return number(compute(left, right))
        except ZeroDivisionError:
            raise Refused("division by zero") from None
        except OverflowError:
            raise Refused("the number gets too large") from None

    return operate


def _needs_numbers(symbol: str, left: Any, right: Any) -> Refused:
    message = f"'{symbol}' needs two numbers, not {name_of(left)} and {name_of(right)}"
    if symbol == "+":
        message = (
            f"'+' needs two numbers, two strings or two lists, not {name_of(left)} and "
            f"{name_of(right)}"
        )
        if str in (type(left), type(right)):
            message += " (join texts with '~', or convert with | int or | float)"
    elif str in (type(left), type(right)):
        message += " (convert with | int or | float)"
    return Refused(message)


def _power(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int and right > 64 and left not in (-1, 0, 1):
        raise OverflowError
    return number(left) ** number(right)  # a complex result is refused as no number


_add_numbers = _arithmetic("+", operator.add)


def _add(left: Any, right: Any, budget: Budget) -> Any:
    if type(left) is str and type(right) is str:
        budget.text(len(left) + len(right))
        return left + right
    if type(left) is list and type(right) is list:
        budget.items(len(left) + len(right))
        return left + right
    return _add_numbers(left, right, budget)


ARITHMETIC: dict[str, Operation] = {
    "+": _add,
    "-": _arithmetic("-", operator.sub),
    "*": _arithmetic("*", operator.mul),
    "/": _arithmetic("/", operator.truediv),
    "//": _arithmetic("//", operator.floordiv),
    "%": _arithmetic("%", operator.mod),
    "**": _arithmetic("**", _power),
}


def negative(value: Any) -> Any:
    """`-value`."""
    if type(value) not in NUMBERS:
        raise Refused(f"'-' needs a number, not {name_of(value)}")
    return number(-value)


def positive(value: Any) -> Any:
    """`+value`."""
    if type(value) not in NUMBERS:
        raise Refused(f"'+' needs a number, not {name_of(value)}")
    return value


def contains(value: Any, container: Any, budget: Budget) -> bool:
    """`value in container`: an item of a list, a part of a string, a key of an object."""
    if type(container) is list:
        return contains_item(value, container, budget)
    if type(container) in (str, dict):
        if type(value) is not str:
            what = "a string" if type(container) is str else "an object"
            raise Refused(f"'in' needs a string to look for in {what}, not {name_of(value)}")
        if type(container) is str:
            budget.spend((len(container) + len(value)) >> 5)
        return value in container
    raise Refused(f"'in' needs a list, a string or an object, not {name_of(container)}")


def contains_item(value: Any, items: list[Any], budget: Budget) -> bool:
    """Whether an item of a list equals the value."""
    if type(value) in SCALARS:
        budget.spend(len(items) * (1 + (len(value) >> 8 if type(value) is str else 0)))
        return any(item == value and equal(item, value, budget) for item in items)
    budget.spend(len(items) * 4)
    return any(equal(value, item, budget) for item in items)


def _ordered(symbol: str, compare: Callable[[Any, Any], bool]) -> Operation:
    def operate(left: Any, right: Any, budget: Budget) -> bool:
        if type(left) in NUMBERS and type(right) in NUMBERS:
            return compare(left, right)
        if type(left) is str and type(right) is str:
            budget.spend(min(len(left), len(right)) >> 8)
            return compare(left, right)
        message = (
            f"'{symbol}' needs two numbers or two strings, not {name_of(left)} and {name_of(right)}"
        )
        if {type(left), type(right)} <= {int, float, str}:
            message += " (convert with | int, | float or | string)"
        raise Refused(message)

    return operate


COMPARISON: dict[str, Operation] = {
    "==": equal,
    "!=": lambda left, right, budget: not equal(left, right, budget),
    "<": _ordered("<", operator.lt),
    "<=": _ordered("<=", operator.le),
    ">": _ordered(">", operator.gt),
    ">=": _ordered(">=", operator.ge),
    "in": contains,
    "not in": lambda left, right, budget: not contains(left, right, budget),
}
