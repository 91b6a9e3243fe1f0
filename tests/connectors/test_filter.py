from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.filter import FilterConfig, FilterConnector
from minizaps.errors import ConnectorError


@pytest.fixture
def run(context: Context) -> Any:
    async def execute(items: list, **config: Any) -> dict[str, Any]:
        model = FilterConfig.model_validate({"items": items} | config)
        return await FilterConnector(model).execute(context)

    return execute


@pytest.mark.parametrize(
    ("op", "value", "items", "kept"),
    [
        ("eq", 1, [1, 1.0, True, "1", None], [1, 1.0]),
        ("eq", None, [None, 0, ""], [None]),
        ("eq", {"a": [1]}, [{"a": [1]}, {"a": [True]}, {"a": [1], "b": 2}], [{"a": [1]}]),
        ("ne", True, [True, 1, None], [1, None]),
        ("gt", 5, [4, 5, 5.5, 6, None], [5.5, 6]),
        ("ge", 5, [4, 5], [5]),
        ("lt", "b", ["a", "b", None], ["a"]),
        ("le", 5, [5, 6], [5]),
        ("in", [1, "x"], [1, True, "x", "y"], [1, "x"]),
        ("in", [], [1], []),
        ("contains", "b", ["abc", ["b"], ["abc"], None, ""], ["abc", ["b"]]),
        ("contains", 1, [[1], [True], []], [[1]]),
        ("starts_with", "a", ["ab", "ba", None], ["ab"]),
        ("ends_with", "a", ["ab", "ba"], ["ba"]),
        ("empty", None, [None, "", [], {}, 0, False, " "], [None, "", [], {}]),
        ("empty", False, [None, "", 0, "x"], [0, "x"]),
        ("matches", "[a-z]+", ["abc", "abc1", None], ["abc"]),
        ("matches", "(?i)ÄB.*", ["äbc"], ["äbc"]),
    ],
)
async def test_conditions(run, op: str, value: Any, items: list, kept: list) -> None:
    output = await run(items, where=[{"op": op, "value": value}])
    assert repr(output["items"]) == repr(kept)
    assert (output["count"], output["rejected"]) == (len(kept), len(items) - len(kept))


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"field": "a.b", "value": 1}, [0]),
        ({"field": "a.b", "op": "ne", "value": 1}, [1, 2, 3]),
        ({"field": "a.b", "op": "exists"}, [0, 1]),
        ({"field": "a.b", "op": "exists", "value": False}, [2, 3]),
        ({"field": "a.b", "op": "empty"}, [1, 2, 3]),
        ({"field": "a.b", "op": "gt", "value": 0}, [0]),
        ({"field": "a.0", "value": "x"}, [3]),
        ({"field": "a.5", "op": "exists"}, []),
    ],
)
async def test_fields(run, condition: dict, kept: list[int]) -> None:
    items = [{"a": {"b": 1}}, {"a": {"b": None}}, {}, {"a": ["x"]}]
    assert (await run(items, where=[condition]))["items"] == [items[n] for n in kept]


async def test_all_or_any_of_the_conditions(run) -> None:
    where = [{"op": "gt", "value": 2}, {"op": "lt", "value": 5}]
    assert (await run([1, 3, 6], where=where))["items"] == [3]
    assert (await run([1, 3, 6], where=where, match="any"))["items"] == [1, 3, 6]
    assert (await run([1, 3], match="any"))["items"] == [1, 3]


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"field": "n", "op": "gt", "value": 5},
         r"^items/1: n gt: it is not a number, like `value`, but '7'$"),
        ({"field": "n", "op": "lt", "value": "a"}, "^items/0: n lt: it is not a text, but '6'$"),
        ({"field": "n", "op": "starts_with", "value": "a"}, "items/0: n starts_with"),
        ({"field": "n", "op": "contains", "value": "6"}, "items/0: n contains"),
        ({"field": "n", "op": "matches", "value": "6"}, "items/0: n matches"),
        ({"op": "contains", "value": "6"}, "items/0: the item contains"),
    ],
)  # fmt: skip
async def test_types_that_do_not_go_together_are_an_error(run, where: dict, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as failed:
        await run([{"n": 6}, {"n": "7"}], where=[where])
    assert (failed.value.type, failed.value.retryable) == ("bad_input", False)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ([{"field": "n"}], ["false", "1", "2", "2b", "x", "null", "none"]),
        ([{"field": "n", "order": "desc"}], ["x", "2", "2b", "1", "false", "null", "none"]),
        (
            [{"field": "n"}, {"field": "id", "order": "desc"}],
            ["false", "1", "2b", "2", "x", "null", "none"],
        ),
    ],
)
async def test_sort(run, sort: list, order: list[str]) -> None:
    items = [
        {"id": "2", "n": 2}, {"id": "null", "n": None}, {"id": "x", "n": "x"}, {"id": "none"},
        {"id": "2b", "n": 2}, {"id": "1", "n": 1}, {"id": "false", "n": False},
    ]  # fmt: skip
    output = await run(items, sort=sort)
    if len(sort) == 2:
        assert [item["id"] for item in output["items"]][:5] == order[:5]
    else:
        assert [item["id"] for item in output["items"]] == order


async def test_the_first_of_repeated_items_is_kept_after_sorting(run) -> None:
    items = [{"id": 1, "at": 1}, {"id": True, "at": 2}, {"id": 1, "at": 3}, {"at": 4}]
    output = await run(items, sort=[{"field": "at", "order": "desc"}], unique_by=["id"])
    assert [item["at"] for item in output["items"]] == [4, 3, 2]
    assert output["rejected"] == 1


async def test_unique_tells_null_from_missing_and_takes_whole_items(run) -> None:
    items = [{"a": None}, {}, {"a": None}]
    assert (await run(items, unique_by=["a"]))["items"] == [{"a": None}, {}]
    assert (await run([[1], [1], {"x": 1, "y": 2}, {"y": 2, "x": 1}], unique_by=[""]))["count"] == 2


async def test_the_limit_comes_last(run) -> None:
    output = await run([3, 1, 2], sort=[{}], limit=2)
    assert output == {"items": [1, 2], "count": 2, "rejected": 1}
    assert (await run([1], limit=0))["items"] == []


async def test_a_long_list_is_filtered(run) -> None:
    output = await run(list(range(50_000)), where=[{"op": "lt", "value": 10}])
    assert output["count"] == 10


async def test_a_pattern_s_work_is_bounded(run) -> None:
    with pytest.raises(ConnectorError, match="too much text"):
        await run(["x" * 900_000], where=[{"op": "matches", "value": "(a|b|c|x){200}"}])


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"op": "like"}, "Input should be"),
        ({"op": "in", "value": "x"}, "in needs a list"),
        ({"op": "starts_with", "value": 1}, "needs a text"),
        ({"op": "gt"}, "needs a number or a text"),
        ({"op": "gt", "value": True}, "needs a number or a text"),
        ({"op": "exists", "value": "x"}, "needs true, false"),
        ({"op": "matches", "value": "("}, "cannot be read"),
        ({"op": "matches", "value": "x" * 1001}, "1000 characters at most"),
        ({"op": "matches", "value": r"(a)\1"}, "cannot be read"),
        ({"fields": "x"}, "Extra inputs"),
    ],
)
def test_what_is_no_condition_is_refused(where: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        FilterConfig.model_validate({"items": [], "where": [where]})
