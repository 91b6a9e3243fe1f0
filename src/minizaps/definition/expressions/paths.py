"""Reading values by name, key and position, and saying what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from minizaps.definition.expressions.budget import Budget, Refused
from minizaps.definition.expressions.nodes import Path
from minizaps.definition.expressions.source import Source
from minizaps.definition.expressions.values import name_of, shown
from minizaps.errors import ExpressionError

Evaluate = Callable[[Mapping[str, Any], Budget], Any]

_NOT_THERE = (LookupError, TypeError)


class _Missing:
    """No value, where that is allowed: under default() and 'is defined'."""


MISSING = _Missing()


def strict_path(source: Source, path: Path) -> Evaluate:
    """Reads a path; a missing value is an error."""
    keys = path.keys

    def get(scope: Mapping[str, Any], _: Budget) -> Any:
        value: Any = scope
        try:
            for key in keys:
                value = value[key]
        except _NOT_THERE:
            raise explain(source, path, scope) from None
        return value

    return get


def soft_path(path: Path) -> Evaluate:
    """Reads a path; a missing value is MISSING."""
    keys = path.keys

    def get(scope: Mapping[str, Any], _: Budget) -> Any:
        value: Any = scope
        try:
            for key in keys:
                value = value[key]
        except _NOT_THERE:
            return MISSING
        return value

    return get


def item(owner: Any, key: Any) -> Any:
    """`owner[key]`, or MISSING."""
    kind = type(owner)
    if kind is dict and type(key) is str:
        return owner.get(key, MISSING)
    if kind in (list, str) and type(key) is int and -len(owner) <= key < len(owner):
        return owner[key]
    return MISSING


def explain(source: Source, path: Path, scope: Mapping[str, Any]) -> ExpressionError:
    """The error that says which part of a path is missing."""
    keys = path.keys
    if keys[0] not in scope:
        return source.error(path.at, f"'{keys[0]}' is missing{_instead(str(keys[0]), scope)}")
    owner, name = scope[str(keys[0])], str(keys[0])
    for key, place in zip(keys[1:], path.places[1:], strict=True):
        value = item(owner, key)
        if value is MISSING:
            return source.error(place, absent(owner, key, name))
        owner, name = value, f"{name}.{key}" if _plain(key) else f"{name}[{shown(key)}]"
    return source.error(path.at, f"'{name}' cannot be read")


def absent(owner: Any, key: Any, name: str = "the value") -> str:
    """Why `owner[key]` is missing."""
    name = name if len(name) <= 200 else name[:197] + "..."
    if type(key) not in (str, int):
        return f"a key is a string or a whole number, not {name_of(key)}"
    if type(owner) is dict and type(key) is str:
        return f"{shown(key)} is missing in {name}{_instead(key, owner)}"
    if type(owner) in (list, str) and type(key) is int:
        unit = "item" if type(owner) is list else "character"
        plural = "" if len(owner) == 1 else "s"
        return f"{name} has no [{key}]: it has {len(owner)} {unit}{plural}"
    if type(owner) is list and type(key) is str:
        hint = f"take one item, such as [0], or use | map(attribute={shown(key)})"
        return f"{shown(key)} is missing: {name} is a list ({hint})"
    if type(owner) is dict:
        return f"a key of {name} is a string, not {shown(key)}"
    return f"{shown(key)} is missing: {name} is {name_of(owner)}"


def closest(word: str, known: Iterable[str]) -> str:
    """A hint at a similar name, or nothing."""
    if len(word) > 40:
        return ""
    short = [name for name in islice(known, 100) if type(name) is str and len(name) <= 40]
    found = get_close_matches(word, short, n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""


def _instead(key: str, owner: Mapping[str, Any]) -> str:
    """What there is in place of a missing key."""
    names = [name for name in islice(owner, 100) if type(name) is str and name[:1] != "$"]
    if not names:
        return ": there is nothing in it"
    listed = ", ".join(name if len(name) <= 40 else name[:37] + "..." for name in names[:8])
    more = f" and {len(owner) - 8} more" if len(owner) > 8 else ""
    return f"{closest(key, names)}: there is {listed}{more}"


def _plain(key: Any) -> bool:
    return type(key) is str and key.isidentifier()


def slice_of(owner: Any, start: Any, stop: Any, budget: Budget) -> Any:
    """`owner[start:stop]` of a list or a string."""
    if type(owner) not in (list, str):
        raise Refused(f"only a list or a string can be cut with [:], not {name_of(owner)}")
    for bound in (start, stop):
        if bound is not None and type(bound) is not int:
            raise Refused(f"the bounds of [:] are whole numbers, not {name_of(bound)}")
    length = len(range(*slice(start, stop).indices(len(owner))))
    if type(owner) is str:
        budget.text(length)
    else:
        budget.items(length)
    return owner[start:stop]
