"""Who answers a wait, when, and what happens if nobody does."""

from __future__ import annotations

from tests.simulation.conftest import Try, call, foreach, values, wait

APPROVAL = wait(approve=True, timeout="P2D")
SAID = values(ok="{{ steps.ask.approved }}", by="{{ steps.ask.by }}")


async def test_an_approval_comes_when_the_test_says(outcome_of: Try) -> None:
    outcome = await outcome_of(
        APPROVAL,
        SAID,
        answers={"ask": {"after": "PT1H", "approved": True, "by": "ada"}},
        expect={"output": {"ok": True, "by": "ada"}, "took": "PT1H"},
    )
    assert outcome.passed


async def test_a_rejection_is_an_output_too(outcome_of: Try) -> None:
    outcome = await outcome_of(
        APPROVAL,
        answers={"ask": {"approved": False, "comment": "too much"}},
        expect={"output": {"$has": {"approved": False, "comment": "too much"}}},
    )
    assert outcome.passed


async def test_a_calls_body_is_the_output(outcome_of: Try) -> None:
    outcome = await outcome_of(
        wait(), answers={"ask": {"after": 3, "body": {"a": 1}}}, expect={"output": {"a": 1}}
    )
    assert outcome.passed


async def test_where_nobody_answers_the_timeout_comes(outcome_of: Try) -> None:
    for answers in ({}, {"ask": None}, {"ask": {"after": "P3D", "approved": True}}):
        outcome = await outcome_of(
            APPROVAL,
            answers=answers,
            expect={"error": {"type": "wait_timeout", "step": "ask"}, "took": "P2D"},
        )
        assert outcome.passed, outcome


async def test_a_wait_without_answer_and_timeout_fails_the_test(outcome_of: Try) -> None:
    outcome = await outcome_of(wait(), values())
    assert outcome.problems == [
        "the run waits for ever at ask: nobody answers, and it has no timeout: "
        '"answers": {"ask": {...}}'
    ]
    assert [(s.name, s.status) for s in outcome.steps] == [("ask", "waiting")]


async def test_an_answer_of_the_other_kind_is_refused(outcome_of: Try) -> None:
    approval = await outcome_of(APPROVAL, answers={"ask": {"body": 1}})
    other = await outcome_of(wait(timeout=5), answers={"ask": {"approved": True}})
    assert approval.problems == ["step ask waits for approval: `approved`"]
    assert other.problems == ["step ask waits for a call: answer with `body`"]


async def test_the_steps_of_a_wait_see_its_urls_and_each_item_has_its_own_answer(
    outcome_of: Try,
) -> None:
    mail = call("mail", json={"url": "{{ callback.url }}"})
    outcome = await outcome_of(
        foreach([1, 2], {**wait(), "steps": [mail]}),
        mocks={"each[].ask[ask].mail": {"output": {}}},
        answers={"each[].ask": {"body": {"n": 1}}, "each[1].ask": {"body": {"n": 2}}},
        expect={
            "steps": {
                "each": {"output": [{"n": 1}, {"n": 2}]},
                "each[].ask[ask].mail": {"input": {"json": {"url": {"$matches": "/callbacks/"}}}},
            }
        },
    )
    assert outcome.passed, outcome
