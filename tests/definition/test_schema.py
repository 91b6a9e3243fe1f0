"""The definition's JSON Schema says the same as the check, where a schema can."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from minizaps.definition.schema import definition_schema
from minizaps.definition.steps import RESERVED
from tests.definition.support import MODELS, check
from tests.definition.test_check import BAD, DURATIONS, GOOD, flow, step

SCHEMA = definition_schema(MODELS, {})
VALIDATOR = Draft202012Validator(SCHEMA)
FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = [
    *sorted(p for p in FOLDER.glob("*.json") if not p.name.endswith(".test.json")),
    resources.files("minizaps.examples").joinpath("hello.json"),
]
# What no schema can say: sizes, expressions, and what holds between two fields.
BEYOND = {
    "too large",
    "too deep",
    "501 steps",
    "501 steps, nested ones too",
    "a delay of two kinds",
    "a delay of no kind",
    "a time without a zone",
    "a URL that is none",
    "a condition that is no expression",
    "a condition that cannot be read",
    "an expression that cannot be read",
    "a run that may take no time",
    "an input schema that is none",
    "NUL",
    "a key with NUL",
    "half a surrogate pair",
    "not a number",
    "infinity",
    "a large integer",
    "a set",
}
BEYOND_DURATIONS = ("PT٣S", "P99999999D")  # what a digit is varies; how long a text is, adds up


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    json.dumps(SCHEMA)


@pytest.mark.parametrize("name", GOOD)
def test_the_schema_accepts_what_the_check_accepts(name: str) -> None:
    assert list(VALIDATOR.iter_errors(GOOD[name])) == []
    assert list(VALIDATOR.iter_errors(check(GOOD[name]))) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_pass_the_check_and_the_schema(path: Any) -> None:
    example = json.loads(path.read_text())
    check(example)
    assert list(VALIDATOR.iter_errors(example)) == []


@pytest.mark.parametrize("name", [name for name in BAD if name not in BEYOND])
def test_the_schema_refuses_what_the_check_refuses(name: str) -> None:
    assert list(VALIDATOR.iter_errors(BAD[name][0]))


@pytest.mark.parametrize(
    "value", [value for value in DURATIONS if value not in BEYOND_DURATIONS], ids=repr
)
def test_the_schema_refuses_a_bad_duration(value: Any) -> None:
    assert list(VALIDATOR.iter_errors(flow(timeout=value)))
    assert list(VALIDATOR.iter_errors(flow(step(type="delay", config={"seconds": value}))))


@pytest.mark.parametrize("reserved", sorted(RESERVED))
def test_the_schema_refuses_a_reserved_id(reserved: str) -> None:
    assert list(VALIDATOR.iter_errors(flow(step(id=reserved))))


@pytest.mark.parametrize("kind", ["set", "webhook"])
def test_a_config_with_fields_that_are_required_is_required(kind: str) -> None:
    assert list(VALIDATOR.iter_errors(flow({"type": kind})))
    assert list(VALIDATOR.iter_errors(flow({"type": kind, "config": {}})))


@pytest.mark.parametrize("kind", MODELS)
def test_each_step_type_has_its_own_config(kind: str) -> None:
    wrong = flow(step(type=kind, config={"no_such_field": 1}))
    assert list(VALIDATOR.iter_errors(wrong))
