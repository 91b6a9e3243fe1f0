"""The `filter` connector."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal

import orjson
from pydantic import Field

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.computing import LONG, computed
from minizaps.connectors.conditions import Condition
from minizaps.connectors.paths import MISSING, parse_path, value_at
from minizaps.errors import ConnectorError

_FEW = 100  # items that are gone through at once


class SortKey(ConnectorConfig):
    """A value that items are sorted by."""

    field: str = Field(
        default="", max_length=500, description="The path to the value; else the item itself."
    )
    order: Literal["asc", "desc"] = Field(default="asc", description="Which way.")


class FilterConfig(ConnectorConfig):
    """The items, and which of them to keep."""

    items: list[Any] = Field(description="The list.")
    where: list[Condition] = Field(
        default_factory=list, max_length=50, description="Conditions on each item."
    )
    match: Literal["all", "any"] = Field(
        default="all", description="Whether all of the conditions are needed, or one."
    )
    sort: list[SortKey] = Field(
        default_factory=list, max_length=10, description="What to sort by; equal items stay put."
    )
    unique_by: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=10,
        description="Paths: of items that are equal in all of these, the first is kept.",
    )
    limit: int | None = Field(default=None, ge=0, description="The most items to keep.")


class FilterConnector(BaseConnector[FilterConfig]):
    """Keeps the items of a list that meet conditions; sorts them and drops repeated ones.

    The output is `{"items", "count", "rejected"}`: the items kept, how many they are, and how many
    are not among them. First the conditions are looked at, then it sorts, drops what is repeated,
    and cuts off at the limit.

    Types are not mixed: `"5"` is not 5, and to compare a text with a number by `gt` is an error
    that names the item. A value that is missing or null meets no condition but `ne`, `empty` and,
    if null, `exists`. In a sorted list, such items come last either way; before them numbers
    come before texts.
    """

    idempotent = True
    pure = True

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        return await computed(len(config.items) * LONG // _FEW, _filter, config)


def _filter(config: FilterConfig) -> dict[str, Any]:
    tests = [condition.compiled() for condition in config.where]
    needed = all if config.match == "all" else any
    kept = []
    for index, item in enumerate(config.items):
        try:
            if not tests or needed(test(item) for test in tests):
                kept.append(item)
        except ConnectorError as error:
            raise ConnectorError(f"items/{index}: {error}", type=error.type) from None
    for key in reversed(config.sort):
        kept = _sorted(kept, key)
    if config.unique_by:
        kept = _unique(kept, [parse_path(field) for field in config.unique_by])
    kept = kept[: config.limit]
    return {"items": kept, "count": len(kept), "rejected": len(config.items) - len(kept)}


def _sorted(items: list[Any], key: SortKey) -> list[Any]:
    path = parse_path(key.field)
    ranked: list[tuple[tuple[int, Any], Any]] = []
    absent = []
    for item in items:
        value = value_at(item, path)
        if value is MISSING or value is None:
            absent.append(item)
        else:
            ranked.append((_rank(value), item))
    ranked.sort(key=itemgetter(0), reverse=key.order == "desc")  # stable both ways
    return [item for _, item in ranked] + absent


def _rank(value: Any) -> tuple[int, Any]:
    match value:
        case bool():
            return 0, value
        case int() | float():
            return 1, value
        case str():
            return 2, value
    return 3, orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _unique(items: list[Any], paths: list[list[str]]) -> list[Any]:
    first: dict[bytes, Any] = {}
    for item in items:
        # A missing value is an empty list within its list, where null would be [null].
        found = [[v] if (v := value_at(item, p)) is not MISSING else [] for p in paths]
        first.setdefault(orjson.dumps(found, option=orjson.OPT_SORT_KEYS), item)
    return list(first.values())
