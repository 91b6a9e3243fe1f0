"""Workflows that a workflow calls: run for real where they are listed, else mocked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.conftest import Try, call, delay, foreach, sub, values

PING = {"ping": {"output": {"n": 2}}}


@pytest.fixture
def callee(tmp_path: Path) -> list[str]:
    steps = [call("ping"), delay(60), values("out", n="{{ steps.ping.n + trigger.body }}")]
    (tmp_path / "callee.json").write_text(json.dumps({"name": "callee", "steps": steps}))
    return ["callee.json"]


def ended(output: Any) -> dict[str, Any]:
    return {"run_id": {"$any": True}, "output": output}


async def test_a_listed_workflow_is_really_run(outcome_of: Try, callee: list[str]) -> None:
    outcome = await outcome_of(
        sub(input=5),
        workflows=callee,
        mocks={"sub/ping": {"output": {"n": 2}}},
        expect={
            "output": ended({"n": 7}),
            "took": "PT1M",
            "steps": {"sub/out": {"output": {"n": 7}}},
            "order": ["sub", "sub/ping", "sub/pause", "sub/out"],
            "calls": {"sub/ping": 1},
        },
    )
    assert outcome.passed, outcome


async def test_each_call_has_names_of_its_own(outcome_of: Try, callee: list[str]) -> None:
    outcome = await outcome_of(
        foreach([1, 2], sub(input="{{ item }}")),
        workflows=callee,
        mocks={"each[].sub/ping": {"output": {"n": 0}}, "each[1].sub/ping": {"output": {"n": 8}}},
        expect={"steps": {"each": {"output": [ended({"n": 1}), ended({"n": 10})]}}},
    )
    assert outcome.passed, outcome


async def test_a_mocked_workflow_is_not_started(outcome_of: Try) -> None:
    outcome = await outcome_of(
        sub(),
        mocks={"sub": {"output": {"n": 3}, "takes": 30}},
        expect={"output": ended({"n": 3}), "took": "PT30S"},
    )
    assert outcome.passed, outcome


async def test_a_mocked_error_fails_the_step_as_the_called_runs_would(
    outcome_of: Try, callee: list[str]
) -> None:
    broken = {"error": {"type": "declined", "message": "no"}}
    expect = {
        "error": {
            "type": "workflow_failed",
            "message": "the run it has called has failed: no",
            "details": {"error": {"type": "declined"}},
        }
    }
    mocked = await outcome_of(sub(), mocks={"sub": broken}, expect=expect)
    real = await outcome_of(sub(), workflows=callee, mocks={"sub/ping": broken}, expect=expect)
    assert (mocked.passed, real.passed) == (True, True), (mocked, real)


async def test_a_called_workflow_that_is_neither_listed_nor_mocked_is_told(
    outcome_of: Try,
) -> None:
    outcome = await outcome_of(sub())
    assert outcome.problems == [
        "step sub calls the workflow 'callee', which is not listed under `workflows`: mock it: "
        '"mocks": {"sub": {"output": {...}}}'
    ]


async def test_a_run_that_is_not_waited_for_goes_on_to_its_end(
    outcome_of: Try, callee: list[str]
) -> None:
    outcome = await outcome_of(
        sub(wait=False, input=1),
        workflows=callee,
        mocks={"sub/ping": {"output": {"n": 2}}},
        expect={"took": 0, "steps": {"sub/out": {"status": "succeeded"}}},
    )
    assert outcome.passed, outcome
