"""The fixed list of filters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minizaps.definition.expressions import (
    filters_convert,
    filters_date,
    filters_encode,
    filters_list,
    filters_regex,
    filters_text,
)
from minizaps.definition.expressions.budget import Budget
from minizaps.definition.expressions.paths import closest


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: `value | name(arguments)`.

    Args:
        name: how it is written.
        function: called with the budget, the value and the arguments.
        parameters: the arguments' names, in order.
        required: how many of them must be given.
    """

    name: str
    function: Callable[..., Any]
    parameters: tuple[str, ...]
    required: int

    def check(self, positional: int, keywords: list[str]) -> str:
        """What is wrong with these arguments, or nothing."""
        if positional > len(self.parameters):
            return f"{self.name} takes {_count(len(self.parameters))}, not {positional}"
        given = set(self.parameters[:positional])
        for keyword in keywords:
            if keyword not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                hint = closest(keyword, self.parameters)
                return f"{self.name} has no argument '{keyword}'{hint}: it has {known}"
            if keyword in given:
                return f"{self.name} gets the argument '{keyword}' twice"
            given.add(keyword)
        for parameter in self.parameters[: self.required]:
            if parameter not in given:
                return f"{self.name} needs the argument '{parameter}'"
        return ""


def _count(number: int) -> str:
    if number == 0:
        return "no arguments"
    return "1 argument" if number == 1 else f"at most {number} arguments"


def _default(budget: Budget, value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    raise NotImplementedError("the compiler makes default() itself: it allows a missing value")


def _filter(name: str, function: Callable[..., Any]) -> Filter:
    parameters = list(inspect.signature(function).parameters.values())[2:]
    required = sum(parameter.default is parameter.empty for parameter in parameters)
    names = tuple(parameter.name for parameter in parameters)
    return Filter(name, function, names, required)


FILTERS = {
    name: _filter(name, function)
    for name, function in {
        "default": _default,
        "d": _default,
        **filters_text.FILTERS,
        **filters_list.FILTERS,
        **filters_convert.FILTERS,
        **filters_date.FILTERS,
        **filters_encode.FILTERS,
        **filters_regex.FILTERS,
    }.items()
}
