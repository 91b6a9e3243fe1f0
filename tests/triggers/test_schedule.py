"""Which times start runs when a schedule is found late."""

from __future__ import annotations

from itertools import pairwise

import pytest

from minizaps.definition.timing import ScheduleTriggerConfig
from minizaps.triggers.schedule import MOST_COUNTED, MOST_FIRES, Fire, Look, look

HOUR = 3_600_000
MINUTE = 60_000
FIRST = 1_780_002_000_000  # on the hour


def hourly(misfire: str) -> ScheduleTriggerConfig:
    return ScheduleTriggerConfig.model_validate({"cron": "@hourly", "misfire": misfire})


@pytest.mark.parametrize("misfire", ["skip", "once", "all"])
def test_a_time_that_is_found_within_the_grace_fires_whatever_the_policy(misfire: str) -> None:
    found = look(hourly(misfire), FIRST, FIRST + MINUTE)
    assert found == Look([Fire(FIRST)], FIRST + HOUR, 0)


def test_skip_starts_nothing_for_what_was_missed() -> None:
    now = FIRST + 3 * HOUR + 2 * MINUTE
    assert look(hourly("skip"), FIRST, now) == Look([], FIRST + 4 * HOUR, 4)


def test_once_starts_one_run_for_the_newest_of_what_was_missed() -> None:
    now = FIRST + 3 * HOUR + 2 * MINUTE
    newest = Fire(FIRST + 3 * HOUR, missed=3)
    assert look(hourly("once"), FIRST, now) == Look([newest], FIRST + 4 * HOUR, 3)


def test_all_starts_each_oldest_first() -> None:
    now = FIRST + 3 * HOUR + 2 * MINUTE
    fires = [Fire(FIRST + n * HOUR) for n in range(4)]
    assert look(hourly("all"), FIRST, now) == Look(fires, FIRST + 4 * HOUR, 0)


@pytest.mark.parametrize(("misfire", "missed"), [("skip", []), ("once", [Fire(FIRST + HOUR, 1)])])
def test_a_time_in_the_grace_fires_beside_what_was_missed(misfire: str, missed: list[Fire]) -> None:
    found = look(hourly(misfire), FIRST, FIRST + 2 * HOUR + 1000)
    assert found.fires == [*missed, Fire(FIRST + 2 * HOUR)]


def test_a_long_backlog_comes_in_parts_and_loses_nothing() -> None:
    due_at, now, times = FIRST, FIRST + 50 * HOUR + 30 * MINUTE, list[int]()
    while due_at <= now:
        found = look(hourly("all"), due_at, now)
        assert len(found.fires) <= MOST_FIRES
        times += [fire.at for fire in found.fires]
        assert found.due_at is not None
        due_at = found.due_at
    assert times == [FIRST + n * HOUR for n in range(51)]
    assert all(later - earlier == HOUR for earlier, later in pairwise(times))


def test_years_of_downtime_are_not_counted_to_their_end() -> None:
    every_second = ScheduleTriggerConfig.model_validate({"every": 1})
    now = FIRST + 5 * 365 * 24 * HOUR
    found = look(every_second, FIRST, now)
    assert found.fires[0] == Fire(now - MINUTE - 1000, MOST_COUNTED - 1)
    assert len(found.fires) == MOST_FIRES
    every_minute = ScheduleTriggerConfig.model_validate({"cron": "* * * * *"})
    assert look(every_minute, FIRST, now).fires[0].missed == MOST_COUNTED - 1
