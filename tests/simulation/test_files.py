"""Test files that cannot be run: every problem at once, each with its place."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from minizaps.errors import InvalidInput
from minizaps.simulation.suite import load
from minizaps.simulation.written import Suite
from tests.simulation.conftest import call, foreach, problems, sub, values, wait, write

STEPS = [call("order"), foreach([1], call("send")), wait("review"), sub()]


def test_every_problem_of_the_format_is_told_with_its_pointer(tmp_path: Path) -> None:
    suite = {
        "tests": [
            {"name": "a", "mock": {}, "expect": {"statu": "succeeded", "calls": {"order": -1}}},
            {"mocks": {"order": {}, "sub": []}, "now": "soon", "input": 1, "trigger": {}},
            {"name": "c", "expect": {"output": {"$some": 1}, "error": {"type": {"$matches": "("}}}},
            {"name": "d", "answers": {"review": {"by": "ada"}}},
        ]
    }
    assert problems(tmp_path, STEPS, suite) == {
        "/tests/0/mock": "unknown key 'mock': did you mean 'mocks'?",
        "/tests/0/expect/statu": "unknown key 'statu': did you mean 'status'?",
        "/tests/0/expect/calls/order": "input should be greater than or equal to 0",
        "/tests/1/name": "is required",
        "/tests/1/now": "'soon' is not an ISO 8601 timestamp",
        "/tests/1/mocks/order": "give exactly one of output and error",
        "/tests/1/mocks/sub": "list should have at least 1 item after validation, not 0",
        "/tests/2/expect/output": "unknown marker '$some': known are $any, $matches, $has, "
        "$exactly",
        "/tests/2/expect/error": "cannot read the pattern '(': missing ): (",
        "/tests/3/answers/review": "by and comment belong to an approval: give approved too",
    }


def test_names_of_no_step_are_told_with_a_suggestion(tmp_path: Path) -> None:
    suite = {
        "mocks": {"ordr": {"output": {}}, "each[2].sned": {"output": {}}, "sub/x": {"output": {}}},
        "tests": [
            {
                "name": "a",
                "answers": {"reviev": None},
                "expect": {"steps": {"each.send": {}}, "order": ["order", "mail"]},
            },
            {"name": "a"},
        ],
    }
    found = problems(tmp_path, STEPS, suite)
    assert found["/mocks/ordr"] == "there is no step 'ordr': did you mean 'order'?"
    assert found["/mocks/each[2].sned"].endswith("did you mean 'each[].send'?")
    assert found["/mocks/sub~1x"].startswith("there is no step 'sub/x'")
    assert found["/tests/0/answers/reviev"].endswith("did you mean 'review'?")
    assert found["/tests/0/expect/steps/each.send"].endswith("did you mean 'each[].send'?")
    assert found["/tests/0/expect/order/1"].startswith("there is no step 'mail'")
    assert found["/tests/1/name"] == "another test has this name"
    assert len(found) == 7


def test_mocks_and_answers_are_for_the_steps_that_take_them(tmp_path: Path) -> None:
    suite = {
        "mocks": {
            "each": {"output": []},
            "review": {"output": {}},
            "order": [{"output": []}],
        },
        "answers": {"order": {"body": 1}},
        "tests": [{"name": "a"}],
    }
    assert problems(tmp_path, STEPS, suite) == {
        "/mocks/each": "a foreach step is a block: mock the steps inside it",
        "/mocks/review": 'a wait step is not mocked but answered: "answers"',
        "/mocks/order/0/output": "a step's output is an object",
        "/answers/order": "a webhook step waits for no answer",
    }


def test_a_broken_workflow_is_told_with_its_file(tmp_path: Path) -> None:
    paths = write(tmp_path, [{"type": "sett"}], {"tests": [{"name": "a"}]})
    with pytest.raises(InvalidInput) as refused:
        load(*paths)
    assert [p.pointer for p in refused.value.problems] == [f"{paths[0]}:/steps/0/type"]


def test_a_missing_callee_is_told_by_its_file(tmp_path: Path) -> None:
    paths = write(tmp_path, STEPS, {"workflows": ["gone.json"], "tests": [{"name": "a"}]})
    with pytest.raises(InvalidInput, match=r"cannot read .*gone\.json: No such file"):
        load(*paths)


def test_workflows_of_one_name_are_refused(tmp_path: Path) -> None:
    suite = {"workflows": ["flow.json"], "tests": [{"name": "a"}]}
    assert problems(tmp_path, [values()], suite) == {
        "/workflows/0": "the workflow 'flow' is there twice"
    }


def test_the_example_meets_the_published_schema() -> None:
    root = Path(__file__).parents[2]
    schema = json.loads((root / "docs" / "test.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for file in sorted((root / "examples").glob("*.test.json")):
        validator.validate(json.loads(file.read_text()))
    assert not validator.is_valid({"tests": [{"name": "a", "mock": {}}]})
    assert Suite.model_validate({"$schema": "x", "tests": [{"name": "a"}]}).tests
