"""The argument `attribute` of filters on lists: a key, or keys joined by dots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minizaps.definition.expressions.budget import Budget, Refused
from minizaps.definition.expressions.paths import MISSING, absent, item
from minizaps.definition.expressions.values import number

_MOST_KEYS = 16


def keys_of(attribute: Any) -> list[str | int]:
    """The keys of an attribute: 'a.b.0' is a, b and the first item."""
    if type(attribute) is int:
        return [number(attribute)]
    if type(attribute) is not str or not 0 < len(attribute) <= 256:
        raise Refused("needs a name as attribute, such as 'price' or 'address.city'")
    keys = attribute.split(".")
    if len(keys) > _MOST_KEYS:
        raise Refused(f"needs an attribute of at most {_MOST_KEYS} names")
    return [int(key) if key.isascii() and key.isdigit() and len(key) < 9 else key for key in keys]


def values_at(
    budget: Budget, items: list[Any], attribute: Any, default: Any = MISSING
) -> Iterator[Any]:
    """The attribute of each item; an error where it is missing and there is no default."""
    keys = keys_of(attribute)
    budget.spend(len(items) * (len(keys) + 1))
    for index, each in enumerate(items):
        value = each
        for key in keys:
            found = item(value, key)
            if found is MISSING and type(key) is int:
                found = item(value, str(key))
            if found is MISSING:
                if default is MISSING:
                    raise Refused(f"cannot read [{index}]: {absent(value, key)}")
                value = default
                break
            value = found
        yield value
