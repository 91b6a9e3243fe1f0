"""Filters on lists and objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minizaps.definition.expressions.attributes import values_at
from minizaps.definition.expressions.budget import PIECE_ROOM, Budget, Refused
from minizaps.definition.expressions.operators import contains_item
from minizaps.definition.expressions.paths import MISSING
from minizaps.definition.expressions.values import (
    NUMBERS,
    argument_bool,
    argument_int,
    equal,
    name_of,
    need_list,
    need_object,
    number,
)

_GIVEN_NOTHING: Any = object()
_BOOLEANS = (object(), object())  # unlike 0 and 1, which are equal to false and true for Python


def length(budget: Budget, value: Any) -> int:
    """How many characters, items or keys there are."""
    if type(value) not in (str, list, dict):
        raise Refused(f"needs a string, a list or an object, not {name_of(value)}")
    return len(value)


def first(budget: Budget, value: Any) -> Any:
    """The first item of a list, or character of a string."""
    return _end(value, 0)


def last(budget: Budget, value: Any) -> Any:
    """The last item of a list, or character of a string."""
    return _end(value, -1)


def _end(value: Any, position: int) -> Any:
    if type(value) not in (str, list):
        raise Refused(f"needs a list or a string, not {name_of(value)}")
    return value[position] if value else MISSING


def take(budget: Budget, value: Any, count: Any) -> Any:
    """The first `count` items of a list, or characters of a string."""
    if type(value) not in (str, list):
        raise Refused(f"needs a list or a string, not {name_of(value)}")
    count = min(len(value), argument_int(count, "count", 0, 2**53))
    budget.text(count) if type(value) is str else budget.items(count)
    return value[:count]


def reverse(budget: Budget, value: Any) -> Any:
    """The items of a list, or the characters of a string, from last to first."""
    if type(value) is str:
        budget.text(len(value))
    else:
        budget.items(len(need_list(value)))
    return value[::-1]


def keys(budget: Budget, value: Any) -> list[str]:
    """The keys of an object."""
    budget.items(len(need_object(value)))
    return list(value)


def values(budget: Budget, value: Any) -> list[Any]:
    """The values of an object."""
    budget.items(len(need_object(value)))
    return list(value.values())


def items(budget: Budget, value: Any) -> list[list[Any]]:
    """The keys and values of an object, as a list of pairs."""
    budget.items(len(need_object(value)))
    budget.grow(len(value) * 2 * PIECE_ROOM)
    return [[key, each] for key, each in value.items()]


def map_(budget: Budget, value: Any, attribute: Any, default: Any = MISSING) -> list[Any]:
    """One attribute of each item."""
    budget.items(len(need_list(value)))
    return list(values_at(budget, value, attribute, default))


def select(
    budget: Budget, value: Any, attribute: Any = None, test: Any = _GIVEN_NOTHING
) -> list[Any]:
    """The items whose attribute is the given value, or is true-like when none is given."""
    return _chosen(budget, value, attribute, test, wanted=True)


def reject(
    budget: Budget, value: Any, attribute: Any = None, test: Any = _GIVEN_NOTHING
) -> list[Any]:
    """The items that `where` leaves out."""
    return _chosen(budget, value, attribute, test, wanted=False)


def _chosen(budget: Budget, value: Any, attribute: Any, test: Any, *, wanted: bool) -> list[Any]:
    budget.items(len(need_list(value)))
    if attribute is None:
        tested = iter(value)
    else:
        tested = values_at(budget, value, attribute, _GIVEN_NOTHING)
    if test is _GIVEN_NOTHING:
        return [
            item
            for item, each in zip(value, tested, strict=True)
            if (each is not _GIVEN_NOTHING and bool(each)) is wanted
        ]
    budget.spend(len(value) * 2)
    return [
        item
        for item, each in zip(value, tested, strict=True)
        if (each is not _GIVEN_NOTHING and equal(each, test, budget)) is wanted
    ]


def sort(budget: Budget, value: Any, attribute: Any = None, reverse: Any = False) -> list[Any]:
    """The items in order: numbers by size, strings by their characters."""
    by = _sortable(budget, need_list(value), attribute)
    budget.spend(len(by) * len(by).bit_length() >> 2)
    budget.items(len(by))
    order = sorted(range(len(by)), key=by.__getitem__, reverse=argument_bool(reverse, "reverse"))
    return [value[index] for index in order]


def min_(budget: Budget, value: Any, attribute: Any = None) -> Any:
    """The smallest item."""
    by = _sortable(budget, need_list(value), attribute)
    return value[min(range(len(by)), key=by.__getitem__)] if by else MISSING


def max_(budget: Budget, value: Any, attribute: Any = None) -> Any:
    """The largest item."""
    by = _sortable(budget, need_list(value), attribute)
    return value[max(range(len(by)), key=by.__getitem__)] if by else MISSING


def _sortable(budget: Budget, items: list[Any], attribute: Any) -> list[Any]:
    budget.items(len(items) * 2)
    by = items if attribute is None else list(values_at(budget, items, attribute))
    kinds = set(map(type, by))
    if kinds <= NUMBERS:
        return by
    if kinds == {str}:
        # A comparison may have to read a whole text, and there are n log n of them.
        budget.spend((sum(map(len, by)) >> 8) * len(by).bit_length())
        return by
    names = ", ".join(sorted({name_of(each) for each in by}))
    raise Refused(f"needs only numbers or only strings, not {names}")


def unique(budget: Budget, value: Any, attribute: Any = None) -> list[Any]:
    """The items without repetitions; the first of each stays."""
    budget.items(len(need_list(value)) * 3)
    by = value if attribute is None else values_at(budget, value, attribute)
    plain: set[Any] = set()
    nested: list[Any] = []
    kept = []
    for item, each in zip(value, by, strict=True):
        if type(each) in (list, dict):
            if contains_item(each, nested, budget):
                continue
            nested.append(each)
        else:
            mark = each if type(each) is not bool else _BOOLEANS[each]
            if mark in plain:
                continue
            plain.add(mark)
        kept.append(item)
    return kept


def sum_(budget: Budget, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    """The numbers of a list, added up."""
    budget.items(len(need_list(value)))
    numbers = value if attribute is None else list(values_at(budget, value, attribute))
    numbers = [*numbers, start]
    for each in numbers:
        if type(each) not in NUMBERS:
            raise Refused(f"needs numbers, not {name_of(each)}")
    if all(type(each) is int for each in numbers):
        return number(sum(numbers))
    try:
        return number(math.fsum(numbers))
    except (OverflowError, ValueError):
        raise Refused("the number gets too large") from None


FILTERS: dict[str, Callable[..., Any]] = {
    "length": length,
    "count": length,
    "first": first,
    "last": last,
    "take": take,
    "reverse": reverse,
    "keys": keys,
    "values": values,
    "items": items,
    "map": map_,
    "where": select,
    "select": select,
    "reject": reject,
    "sort": sort,
    "min": min_,
    "max": max_,
    "unique": unique,
    "sum": sum_,
}
