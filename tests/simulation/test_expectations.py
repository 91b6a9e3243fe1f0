"""What can be expected of a run; what is not as expected is in the diff."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.conftest import Try, call, changed, delay, foreach, values

STEPS = (
    foreach([1, 2], call(json={"n": "{{ item }}", "more": True})),
    delay(60),
    values(a=1, b={"c": [1, "two"]}),
)
MOCKS = {"each[].call": {"output": {"ok": True}}}


@pytest.mark.parametrize(
    ("expect", "diff"),
    [
        ({"status": "failed"}, ['-"status":"failed"', '+"status":"succeeded"']),
        ({"output": {"a": 2, "b": {"c": [1, "two"]}}}, ['-"a":2,', '+"a":1,']),
        ({"output": {"a": 1}},
         ['-"a":1', '+"a":1,', '+"b":{', '+"c":[', "+1,", '+"two"', "+]", "+}"]),
        ({"output": {"$has": {"b": {"c": [1]}}}}, ["-1", "+1,", '+"two"']),
        ({"took": "PT2M"}, ['-"took":"PT2M"', '+"took":"PT1M"']),
        ({"steps": {"v": {"status": "skipped"}}}, ['-"status":"skipped"', '+"status":"succeeded"']),
        ({"steps": {"each[1].call": {"attempts": 2}}}, ['-"attempts":2', '+"attempts":1']),
        ({"steps": {"each[0].call": {"input": {"json": {"n": 7}}}}}, ['-"n":7', '+"n":1']),
        ({"steps": {"each[].call": {"input": {"json": {"n": 1}}}}}, ['-"n":1', '+"n":2']),
        ({"steps": {"v": {"input": {"$exactly": {}}}}},
         ['-"input":{}', '+"input":{', '+"values":{', '+"a":1,', '+"b":{', '+"c":[', "+1,",
          '+"two"', "+]", "+}", "+}", "+}"]),
        ({"order": ["pause", "each[].call", "v"]}, ['-"each[].call",', '+"each[].call",']),
        ({"calls": {"each[].call": 3}}, ['-"each[].call":3', '+"each[].call":2']),
        ({"never": ["pause"]}, ['-"pause":0', '+"pause":1']),
        ({"steps": {"each[7].call": {"attempts": 1}}},
         ['-"each[7].call":{', '-"attempts":1', "-}", '+"each[7].call":"notstarted"']),
    ],
)  # fmt: skip
async def test_what_differs_is_in_the_diff(
    outcome_of: Try, expect: dict[str, Any], diff: list[str]
) -> None:
    outcome = await outcome_of(*STEPS, mocks=MOCKS, expect=expect)
    assert not outcome.passed
    assert outcome.diff[:2] == ["--- expected", "+++ found"]
    assert sorted(changed(outcome)) == sorted(diff)


async def test_all_kinds_can_hold_at_once(outcome_of: Try) -> None:
    outcome = await outcome_of(
        *STEPS,
        mocks=MOCKS,
        expect={
            "status": "succeeded",
            "output": {"a": {"$any": True}, "b": {"c": [1, {"$matches": "^t"}]}},
            "took": 60,
            "steps": {
                "each": {"output": [{"ok": True}, {"ok": True}]},
                "each[1].call": {"status": "succeeded", "input": {"json": {"n": 2}}},
            },
            "order": ["each", "each[1].call", "pause", "v"],
            "calls": {"each[].call": 2, "v": 1},
        },
    )
    assert outcome.passed, outcome


async def test_an_error_that_nobody_expected_is_shown(outcome_of: Try) -> None:
    outcome = await outcome_of(call(), mocks={"call": {"error": {"type": "declined"}}})
    assert '+"type":"declined",' in changed(outcome)
    assert '-"status":"succeeded"' in changed(outcome)


async def test_an_error_that_is_expected_is_compared_in_its_parts(outcome_of: Try) -> None:
    mocks = {"call": {"error": {"type": "declined", "message": "no"}}}
    right = await outcome_of(call(), mocks=mocks, expect={"error": {"step": "call"}})
    wrong = await outcome_of(call(), mocks=mocks, expect={"error": {"type": "network"}})
    none = await outcome_of(values(), expect={"error": {"type": "network"}})
    assert right.passed
    assert changed(wrong) == ['-"type":"network"', '+"type":"declined"']
    assert '-"status":"failed",' in changed(none)


async def test_a_skipped_step_has_not_started(outcome_of: Try) -> None:
    outcome = await outcome_of(
        {**values("off"), "if": False},
        values(),
        expect={"steps": {"off": {"status": "skipped"}}, "never": ["off"], "calls": {"off": 0}},
    )
    assert outcome.passed


async def test_an_input_can_be_expected_to_be_refused(outcome_of: Try) -> None:
    fields = {"input_schema": {"type": "object", "required": ["id"]}}
    refused = await outcome_of(
        values(),
        fields=fields,
        input={},
        expect={"status": "refused", "error": {"message": {"$matches": "id"}}},
    )
    surprised = await outcome_of(values(), fields=fields, input={})
    assert refused.passed
    assert '+"status":"refused",' in changed(surprised)


async def test_the_trigger_is_as_a_hook_or_a_person_gives_it(outcome_of: Try) -> None:
    fields = {"triggers": [{"id": "hand", "type": "manual"}, {"id": "shop", "type": "webhook"}]}
    trigger = {"body": {"id": 1}, "query": {"q": "x"}, "headers": {"x-a": "b"}}
    shown = values(trigger="{{ trigger }}")
    hook = await outcome_of(
        shown,
        fields=fields,
        trigger=trigger,
        expect={"output": {"trigger": {**trigger, "id": "shop", "type": "webhook"}}},
    )
    hand = await outcome_of(
        shown,
        fields=fields,
        input=[1],
        expect={"output": {"trigger": {"$has": {"type": "manual", "body": [1]}}}},
    )
    assert (hook.passed, hand.passed) == (True, True), hook


@pytest.mark.parametrize(("wanted", "found"), [(True, 1), (1, True), (1, "1"), (None, 0)])
async def test_values_of_other_types_are_not_equal(
    outcome_of: Try, wanted: Any, found: Any
) -> None:
    outcome = await outcome_of(values(x=found), expect={"output": {"x": wanted}})
    assert not outcome.passed


async def test_whole_numbers_are_equal_however_they_are_written(outcome_of: Try) -> None:
    outcome = await outcome_of(values(x="{{ 4.5 * 2 }}"), expect={"output": {"x": 9}})
    assert outcome.passed
