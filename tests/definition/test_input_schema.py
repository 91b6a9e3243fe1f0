"""A workflow's input schema: JSON Schema 2020-12, within bounds whatever comes in."""

from __future__ import annotations

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.definition.input_schema import MOST_PROBLEMS, compile_schema, schema_problems

ITEMS = {"type": "object", "properties": {"a/b": {"type": "array", "items": {"type": "integer"}}}}
TREE = {"properties": {"a": {"$ref": "#"}}, "type": "object", "required": ["a"]}
GOOD: list[Any] = [
    True,
    False,
    {},
    ITEMS,
    TREE,
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
    {"$anchor": "top", "properties": {"a": {"$ref": "#top"}}},
    {"$id": "https://a.test/s", "$ref": "#/$defs/a", "$defs": {"a": True}},
    {"properties": {"pattern": {"const": {"$ref": "x", "pattern": "(?="}}, "$ref": {}}},
    {"properties": {"patternProperties": True}, "default": {"patternProperties": 1}},
    {"x-note": {"pattern": 5, "$ref": [], "properties": 1}, "x-more": [None]},
]
BAD: list[tuple[Any, str, str]] = [
    ({"type": "text"}, "/s/type", "'text'"),
    ({"properties": {"a": {"minimum": "1"}}}, "/s/properties/a/minimum", "number"),
    ({"required": "a"}, "/s/required", "array"),
    ("object", "/s", "'boolean'"),
    ({"$ref": "https://a.test/schema"}, "/s/$ref", "within the schema"),
    ({"$dynamicRef": "https://a.test/schema"}, "/s/$dynamicRef", "within the schema"),
    ({"$ref": "#/$defs/nowhere"}, "/s/$ref", "nothing at"),
    ({"items": {"$ref": "#nowhere"}}, "/s/items/$ref", "nothing at"),
    ({"allOf": [{"$dynamicRef": "#x"}]}, "/s/allOf/0/$dynamicRef", "nothing at"),
    ({"patternProperties": {"a": {}}}, "/s/patternProperties", "not supported"),
    ({"pattern": "(a)\\1"}, "/s/pattern", "pattern"),
    ({"not": {"pattern": "(?=a)"}}, "/s/not/pattern", "pattern"),
]
LOOPS: list[Any] = [
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
]
UNIQUE = {"uniqueItems": True}


@pytest.mark.parametrize("schema", GOOD, ids=str)
def test_a_schema_of_its_own_is_accepted(schema: Any) -> None:
    assert schema_problems(schema, "/s") == []
    compile_schema(schema)({"a": {"a": 1}})


@pytest.mark.parametrize(("schema", "pointer", "words"), BAD)
def test_a_schema_that_cannot_be_applied_is_refused_at_its_place(
    schema: Any, pointer: str, words: str
) -> None:
    (problem,) = schema_problems(schema, "/s")
    assert problem.pointer == pointer
    assert words in problem.detail


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (True, None, []),
        (False, 1, [""]),
        ({"type": "object", "required": ["id"]}, {}, [""]),
        ({"type": "object", "required": ["id"]}, None, [""]),
        (ITEMS, {"a/b": [1, "x", 2.5, 3]}, ["/a~1b/1", "/a~1b/2"]),
        (TREE, {"a": {"a": {}}}, ["/a/a"]),
        ({"properties": {"a": {"pattern": "^x+$"}}}, {"a": "xy"}, ["/a"]),
        ({"properties": {"a": {"pattern": "^x+$"}}}, {"a": "xx"}, []),
        ({"additionalProperties": False}, {"a": 1}, [""]),
    ],
)
def test_an_input_is_checked_at_each_place(schema: Any, value: Any, expected: list[str]) -> None:
    assert [problem.pointer for problem in compile_schema(schema)(value)] == expected


@pytest.mark.parametrize("schema", LOOPS, ids=str)
def test_a_schema_that_never_ends_fails_the_input_and_nothing_else(schema: Any) -> None:
    (problem,) = compile_schema(schema)({"a": 1})
    assert "without end" in problem.detail


def test_a_deep_input_meets_a_recursive_schema() -> None:
    value: Any = {"a": 1}
    for _ in range(60):
        value = {"a": value}
    assert [p.pointer for p in compile_schema(TREE)(value)] == ["/a" * 61]


@pytest.mark.parametrize(
    ("schema", "value", "most"),
    [
        ({"items": {"type": "integer"}}, [""] * 300_000, MOST_PROBLEMS),
        (UNIQUE, [{"a": n} for n in range(60_000)], 0),
        (UNIQUE, [[n] for n in range(60_000)] + ["x"], 0),
        ({"pattern": "^(a+)+$"}, "a" * 500_000 + "b", 1),
    ],
    ids=["many problems", "unique objects", "unique lists", "a pattern that backtracks"],
)
def test_a_large_input_is_checked_in_a_moment(schema: Any, value: Any, most: int) -> None:
    before = time.process_time()
    assert len(compile_schema(schema)(value)) == most
    assert time.process_time() - before < 2


SMALL = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 0.5, "", "1", "a", 2**53, 2.0**53 + 2]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=6,
)


@given(st.lists(SMALL, max_size=6))
def test_items_are_unique_as_jsonschema_has_it(value: list[Any]) -> None:
    expected = jsonschema.Draft202012Validator(UNIQUE).is_valid(value)
    assert (compile_schema(UNIQUE)(value) == []) is expected
