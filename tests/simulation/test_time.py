"""Virtual time: waits take none, and end at the moment that they would."""

from __future__ import annotations

import time

import pytest

from minizaps.simulation import virtual
from tests.simulation.conftest import Try, call, delay, values, wait


async def test_a_month_takes_less_than_a_second(outcome_of: Try) -> None:
    begun = time.perf_counter()
    outcome = await outcome_of(delay("P30D"), values(a=1), expect={"took": "P30D"})
    assert outcome.passed
    assert (outcome.took, time.perf_counter() - begun < 1) == (30 * 86_400, True)


async def test_expressions_read_the_virtual_clock(outcome_of: Try) -> None:
    outcome = await outcome_of(
        delay("P1D"),
        values(day="{{ now() | date_format('%Y-%m-%d %H:%M') }}", made="{{ run.created_at }}"),
        now="2026-03-01T09:00:00+01:00",
        expect={"output": {"day": "2026-03-02 08:00", "made": "2026-03-01T08:00:00.000Z"}},
    )
    assert outcome.passed, outcome


async def test_each_test_begins_at_the_same_time_unless_it_says_so(outcome_of: Try) -> None:
    step = values(at="{{ now() }}")
    first = await outcome_of(delay(100), step, expect={"output": {"at": {"$any": True}}})
    second = await outcome_of(step, expect={"output": {"at": "2026-01-01T00:00:00.000Z"}})
    assert (first.passed, second.passed) == (True, True), second


async def test_a_runs_timeout_comes_in_virtual_time(outcome_of: Try) -> None:
    outcome = await outcome_of(
        delay("P2D"),
        fields={"timeout": "P1D"},
        expect={"error": {"type": "run_timeout"}, "took": "P1D"},
    )
    assert outcome.passed


async def test_a_debounce_is_waited_for(outcome_of: Try) -> None:
    outcome = await outcome_of(
        values(a=1), fields={"debounce": {"for": "PT10M"}}, expect={"took": "PT10M"}
    )
    assert outcome.passed


async def test_tests_do_not_limit_each_other(outcome_of: Try) -> None:
    fields = {"rate": {"limit": 1, "per": "PT1H"}, "concurrency": {"limit": 1}}
    for _ in range(3):
        outcome = await outcome_of(wait(), fields=fields, answers={"ask": {"after": 5}})
        assert (outcome.passed, outcome.took) == (True, 5), outcome


async def test_a_run_that_does_not_end_fails_its_test(
    outcome_of: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual, "LONGEST", 0.0)
    outcome = await outcome_of(call(), mocks={"call": {"output": {}}})
    assert outcome.problems == ["it did not end within 0 s of real time"]
