"""What steps give in a test: mocks by path and by pattern, one for each attempt."""

from __future__ import annotations

import pytest

from minizaps import BaseConnector, ConnectorConfig, WorkflowEngine
from minizaps.connectors.base import Context
from tests.simulation.conftest import Try, call, foreach, values

DOWN = {"error": {"type": "network", "message": "down"}}
FINE = {"output": {"n": 1}}


async def test_a_mocked_step_gives_its_output_to_the_steps_that_follow(outcome_of: Try) -> None:
    outcome = await outcome_of(
        call(), values(twice="{{ n * 2 }}"), mocks={"call": FINE}, expect={"output": {"twice": 2}}
    )
    assert outcome.passed


async def test_a_step_that_would_reach_outside_has_to_be_mocked(outcome_of: Try) -> None:
    outcome = await outcome_of(call(on_error="continue"), values())
    assert outcome.problems == [
        'step call (webhook) would reach outside: mock it: "mocks": {"call": {"output": {...}}}'
    ]
    assert outcome.diff == []


async def test_a_step_that_is_not_reached_needs_no_mock(outcome_of: Try) -> None:
    outcome = await outcome_of(call(**{"if": False}), values(a=1), expect={"never": ["call"]})
    assert outcome.passed


async def test_a_mock_replaces_a_step_that_only_computes_too(outcome_of: Try) -> None:
    outcome = await outcome_of(
        values(a=1), mocks={"v": {"output": {"a": 2}}}, expect={"output": {"a": 2}}
    )
    assert outcome.passed


async def test_the_config_of_a_mocked_step_is_computed_and_checked(outcome_of: Try) -> None:
    step = call(json={"x": "{{ trigger.body.missing }}"})
    outcome = await outcome_of(
        step, input={}, mocks={"call": FINE}, expect={"error": {"type": "expression"}}
    )
    assert outcome.passed


async def test_a_list_has_a_mock_for_each_attempt_and_the_last_one_repeats(
    outcome_of: Try,
) -> None:
    retry = {"max_attempts": 4, "delay": 10, "backoff": 2}
    passing = await outcome_of(
        call(retry=retry),
        mocks={"call": [DOWN, DOWN, FINE]},
        expect={"took": "PT30S", "steps": {"call": {"attempts": 3, "output": {"n": 1}}}},
    )
    failing = await outcome_of(
        call(retry=retry),
        mocks={"call": [DOWN]},
        expect={"took": "PT1M10S", "error": {"type": "network", "attempt": 4, "step": "call"}},
    )
    assert (passing.passed, failing.passed) == (True, True)


@pytest.mark.parametrize(("kind", "attempts"), [("network", 3), ("timeout", 3), ("declined", 1)])
async def test_only_errors_that_pass_are_tried_again_unless_the_mock_says_so(
    outcome_of: Try, kind: str, attempts: int
) -> None:
    step, error = call(retry={"max_attempts": 3}), {"type": kind}
    outcome = await outcome_of(
        step,
        mocks={"call": {"error": error}},
        expect={"error": error, "calls": {"call": attempts}},
    )
    other = await outcome_of(
        step,
        mocks={"call": {"error": {**error, "retryable": attempts == 1}}},
        expect={"error": error, "calls": {"call": 4 - attempts}},
    )
    assert (outcome.passed, other.passed) == (True, True), other


async def test_retry_after_is_waited_for(outcome_of: Try) -> None:
    error = {"type": "busy", "retryable": True, "retry_after": "PT1H"}
    outcome = await outcome_of(
        call(retry={"max_attempts": 2, "delay": 1}),
        mocks={"call": [{"error": error}, FINE]},
        expect={"took": "PT1H"},
    )
    assert outcome.passed


async def test_a_path_goes_before_a_pattern(outcome_of: Try) -> None:
    outcome = await outcome_of(
        foreach([1, 2, 3], call()),
        mocks={"each[].call": FINE, "each[1].call": {"output": {"n": 9}}},
        expect={"steps": {"each": {"output": [{"n": 1}, {"n": 9}, {"n": 1}]}}},
    )
    assert outcome.passed


async def test_attempts_are_counted_for_each_item(outcome_of: Try) -> None:
    outcome = await outcome_of(
        foreach([1, 2], call(retry={"max_attempts": 2})),
        mocks={"each[].call": [DOWN, FINE]},
        expect={"calls": {"each[].call": 4}, "steps": {"each[].call": {"attempts": 2}}},
    )
    assert outcome.passed


async def test_of_two_patterns_the_one_that_leaves_less_open_counts(outcome_of: Try) -> None:
    inner = {**foreach([1, 2], call()), "id": "inner"}
    outcome = await outcome_of(
        foreach([1, 2], inner),
        mocks={"each[].inner[].call": FINE, "each[1].inner[].call": {"output": {}}},
        expect={"steps": {"each": {"output": [[{"n": 1}, {"n": 1}], [{}, {}]]}}},
    )
    assert outcome.passed, outcome


async def test_a_mock_takes_virtual_time_beside_others(outcome_of: Try) -> None:
    outcome = await outcome_of(
        foreach([1, 2, 3, 4], call(), concurrency=2),
        mocks={"each[].call": {**FINE, "takes": "PT5M"}},
        expect={"took": "PT10M"},
    )
    assert outcome.passed


async def test_a_mock_that_takes_longer_than_the_steps_timeout_fails(outcome_of: Try) -> None:
    outcome = await outcome_of(
        call(timeout="PT30S", retry={"max_attempts": 1}),
        mocks={"call": {**FINE, "takes": "PT1M"}},
        expect={"took": "PT30S", "error": {"type": "timeout"}},
    )
    assert outcome.passed


async def test_handlers_and_on_failure_are_mocked_by_their_paths(outcome_of: Try) -> None:
    handled = call(on_error={"steps": [call("alarm", json={"why": "{{ error.message }}"})]})
    outcome = await outcome_of(
        handled,
        call("last"),
        fields={"on_failure": [call("notify")]},
        mocks={
            "call": DOWN,
            "call.alarm": FINE,
            "last": {"error": {"type": "declined"}},
            "on_failure.notify": FINE,
        },
        expect={
            "error": {"type": "declined", "step": "last"},
            "steps": {
                "call": {"status": "caught", "error": {"message": "down"}},
                "call.alarm": {"input": {"json": {"why": "down"}}},
                "on_failure.notify": {"status": "succeeded"},
            },
            "order": ["call", "call.alarm", "last", "on_failure.notify"],
        },
    )
    assert outcome.passed, outcome


class Liar(BaseConnector[ConnectorConfig]):
    """Says that it only computes."""

    pure = True

    async def execute(self, context: Context) -> None:
        await context.http.request("GET", "http://127.0.0.1:9/")


async def test_nothing_is_sent_for_a_connector_that_only_says_that_it_is_pure(
    outcome_of: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WorkflowEngine.CONNECTOR_MAP, "liar", (Liar, ConnectorConfig))
    outcome = await outcome_of(
        {"id": "lie", "type": "liar"},
        expect={"error": {"type": "address_refused", "message": {"$matches": "nothing is sent"}}},
    )
    assert outcome.passed, outcome
