"""The times of cron expressions and intervals, on the days on which clocks change too."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.clock import to_datetime, to_ms
from minizaps.definition.timing import ScheduleTriggerConfig
from tests.definition.support import flow, problems


def at(text: str, zone: str = "UTC") -> int:
    """Milliseconds of what a zone's clock shows."""
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def fires(cron: str, zone: str, after: str, count: int) -> list[str]:
    """The next times of an expression, as the zone's clock shows them."""
    timing = ScheduleTriggerConfig(cron=cron, timezone=zone)
    start = at(after, zone)
    return [
        to_datetime(time).astimezone(ZoneInfo(zone)).isoformat(" ", "minutes")
        for time in islice(timing.times(start, start), count)
    ]


def test_a_time_that_the_clock_skips_comes_right_after_the_gap() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", 2) == [
        "2026-03-29 03:00+02:00",
        "2026-03-30 02:30+02:00",
    ]


def test_several_times_in_the_gap_come_once() -> None:
    assert fires("0,15,30 2-3 29 3 *", "Europe/Berlin", "2026-03-28 12:00", 3) == [
        "2026-03-29 03:00+02:00",
        "2026-03-29 03:15+02:00",
        "2026-03-29 03:30+02:00",
    ]


def test_a_time_that_the_clock_repeats_comes_the_first_time_only() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", 2) == [
        "2026-10-25 02:30+02:00",
        "2026-10-26 02:30+01:00",
    ]


def test_a_schedule_saved_in_the_repeated_hour_does_not_go_back() -> None:
    timing = ScheduleTriggerConfig(cron="45 2 * * *", timezone="Europe/Berlin")
    repeated = to_ms(datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1))
    assert next(timing.times(repeated, repeated)) == at("2026-10-26 02:45", "Europe/Berlin")


def test_a_star_goes_by_the_clock_as_it_is() -> None:
    assert fires("*/30 * * * *", "Europe/Berlin", "2026-03-29 01:00", 2) == [
        "2026-03-29 01:30+01:00",
        "2026-03-29 03:00+02:00",
    ]
    assert fires("0 * * * *", "Europe/Berlin", "2026-10-25 01:00", 3) == [
        "2026-10-25 02:00+02:00",
        "2026-10-25 02:00+01:00",
        "2026-10-25 03:00+01:00",
    ]
    assert fires("*/20 2 25 10 *", "Europe/Berlin", "2026-10-25 02:30", 3) == [
        "2026-10-25 02:40+02:00",
        "2026-10-25 02:00+01:00",
        "2026-10-25 02:20+01:00",
    ]


def test_lord_howe_changes_by_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"
    assert fires("15 2 * * *", zone, "2026-10-03 12:00", 2) == [
        "2026-10-04 02:30+11:00",
        "2026-10-05 02:15+11:00",
    ]
    assert fires("45 1 * * *", zone, "2026-04-04 12:00", 2) == [
        "2026-04-05 01:45+11:00",
        "2026-04-06 01:45+10:30",
    ]
    assert fires("*/30 * * * *", zone, "2026-04-05 01:00", 4) == [
        "2026-04-05 01:30+11:00",
        "2026-04-05 01:30+10:30",
        "2026-04-05 02:00+10:30",
        "2026-04-05 02:30+10:30",
    ]


def test_the_day_that_apia_left_out_does_not_fire() -> None:
    assert fires("0 12 * * *", "Pacific/Apia", "2011-12-29 00:00", 2) == [
        "2011-12-29 12:00-10:00",
        "2011-12-31 12:00+14:00",
    ]
    assert fires("0 * * * *", "Pacific/Apia", "2011-12-29 22:30", 2) == [
        "2011-12-29 23:00-10:00",
        "2011-12-31 00:00+14:00",
    ]


def test_a_leap_day_comes_every_four_years() -> None:
    assert fires("0 0 29 2 *", "UTC", "2026-01-01 00:00", 2) == [
        "2028-02-29 00:00+00:00",
        "2032-02-29 00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("alias", "first"),
    [
        ("@hourly", "2026-05-06 08:00+00:00"),
        ("@daily", "2026-05-07 00:00+00:00"),
        ("@midnight", "2026-05-07 00:00+00:00"),
        ("@weekly", "2026-05-10 00:00+00:00"),
        ("@monthly", "2026-06-01 00:00+00:00"),
        ("@yearly", "2027-01-01 00:00+00:00"),
        ("@annually", "2027-01-01 00:00+00:00"),
        ("0 9 * * MON-FRI", "2026-05-06 09:00+00:00"),
        ("0 0 L * *", "2026-05-31 00:00+00:00"),
    ],
)
def test_aliases_and_names_are_known(alias: str, first: str) -> None:
    assert fires(alias, "UTC", "2026-05-06 07:08", 1) == [first]


def test_an_interval_is_elapsed_time_whatever_the_clock_does() -> None:
    timing = ScheduleTriggerConfig(every="PT12H")
    start = at("2026-03-28 20:00", "Europe/Berlin")
    following = next(timing.times(start, start))
    assert following - start == 12 * 3_600_000
    assert following == at("2026-03-29 09:00", "Europe/Berlin")


def test_an_interval_counts_from_its_start() -> None:
    timing = ScheduleTriggerConfig.model_validate({"every": 3600, "start": "2026-05-06T00:20:00Z"})
    assert next(timing.times(at("2026-05-05 12:00"), 0)) == at("2026-05-06 00:20")
    assert next(timing.times(at("2026-05-06 00:20"), 0)) == at("2026-05-06 01:20")
    assert next(timing.times(at("2026-05-07 10:00"), 0)) == at("2026-05-07 10:20")


CRONS = st.sampled_from(
    ["*/7 * * * *", "0 */5 * * *", "30 2 * * *", "0,30 1-3 * * *", "* 2 * * *", "15 0 1 * *"]
)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Africa/Cairo"]
)


@given(CRONS, ZONES, st.integers(at("2026-01-01 00:00"), at("2027-12-31 00:00")))
def test_going_on_from_any_time_gives_the_same_times(cron: str, zone: str, start: int) -> None:
    timing = ScheduleTriggerConfig(cron=cron, timezone=zone)
    times = list(islice(timing.times(start, start), 5))
    assert times == sorted(set(times))
    assert times[0] > start
    for earlier, later in pairwise(times):
        assert next(timing.times(earlier, earlier)) == later
    assert timing.latest(times[0], times[-1]) == times[-1]
    assert timing.latest(times[0], times[-1] - 1) == times[-2]
    assert timing.count(times[0], times[3], 100) == 4


@pytest.mark.parametrize(
    ("config", "pointer", "detail"),
    [
        ({}, "", "give either `cron` or `every`"),
        ({"cron": "@daily", "every": 60}, "", "give either `cron` or `every`"),
        ({"cron": "0 0 30 2 *"}, "/cron", "no cron expression that ever fires: bad day-of-month"),
        ({"cron": "0 0 * * * *"}, "/cron", "a cron expression has five fields"),
        ({"cron": "61 * * * *"}, "/cron", "no cron expression that ever fires: bad minute"),
        ({"cron": "@dayly"}, "/cron", "unknown '@dayly': did you mean '@daily'?"),
        ({"cron": "@daily", "timezone": "Europe/Berln"}, "/timezone", "mean 'Europe/Berlin'?"),
        ({"cron": "@daily", "timezone": "../etc"}, "/timezone", "write it as Europe/Berlin"),
        ({"cron": "@daily", "start": "2026-01-01T00:00:00Z"}, "", "`start` belongs to `every`"),
        ({"every": 60, "timezone": "UTC"}, "", "`timezone` belongs to `cron`"),
        ({"every": 0.5}, "/every", "greater than or equal to 1"),
        ({"every": 60, "start": "2026-01-01T00:00:00"}, "/start", "timezone"),
        ({"every": 60, "misfires": "all"}, "/misfires", "did you mean 'misfire'?"),
    ],
)
def test_a_wrong_schedule_is_refused_where_it_is_wrong(
    config: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems(flow(triggers=[{"type": "schedule", "config": config}]))
    (place,) = found
    assert place == f"/triggers/0/config{pointer}"
    assert detail in found[place]


def test_an_input_that_the_schema_refuses_is_found_when_the_workflow_is_saved() -> None:
    schema = {"type": "object", "required": ["id", "missed"], "properties": {"id": {"minimum": 1}}}

    def refused(data: dict[str, Any]) -> dict[str, str]:
        trigger = {"type": "schedule", "config": {"every": 60, "input": data}}
        return problems(flow(triggers=[trigger], input_schema=schema))

    place = "/triggers/0/config/input"
    assert refused({}) == {place: "the input_schema: 'id' is a required property"}
    assert refused({"id": 0}).keys() == {f"{place}/id"}
