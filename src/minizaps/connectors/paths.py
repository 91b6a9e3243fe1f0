"""Paths into a JSON value, as data: `customer.address.city`, `lines.0.sku`, `lines.-1.sku`."""

from __future__ import annotations

import re
from typing import Any

MISSING = object()

_INDEX = re.compile(r"-?[0-9]{1,9}")


def parse_path(field: str) -> list[str]:
    """The keys of a path; none of them for the value itself."""
    return field.split(".") if field else []


def value_at(value: Any, path: list[str]) -> Any:
    """The value at a path, or MISSING."""
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.fullmatch(key):
            index = int(key)
            if not -len(value) <= index < len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value
