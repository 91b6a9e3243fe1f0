"""Durations: seconds, or ISO 8601 without months and years."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.definition.durations import LONGEST, parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (1, 1),
        (0.25, 0.25),
        (LONGEST, LONGEST),
        ("PT0S", 0),
        ("PT5M", 300),
        ("P1D", 86400),
        ("P2W", 1209600),
        ("P1DT2H3M4.5S", 93784.5),
        ("PT36H", 129600),
        ("P0D", 0),
        ("PT0.001S", 0.001),
    ],
)
def test_a_duration_is_seconds(value: Any, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "PT" + "1" * 100 + "S"])
def test_a_number_beyond_all_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@given(st.integers(0, 300), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_the_parts_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    assert parse_duration(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@given(st.one_of(st.text(max_size=70), st.from_regex(r"-?P[0-9YMWDTHS.,]*", fullmatch=True)))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert 0 <= parse_duration(text) <= LONGEST
