"""Names for steps, and durations as they are shown."""

from __future__ import annotations

import pytest

from minizaps.definition.durations import parse_duration
from minizaps.simulation.paths import choose, names
from minizaps.simulation.verdict import duration


@pytest.mark.parametrize(
    ("name", "path", "fits"),
    [
        ("each[].send", "each[12].send", True),
        ("each[3].send", "each[3].send", True),
        ("each[3].send", "each[13].send", False),
        ("each[].send", "each[left].send", False),
        ("a[].b[].c", "a[1].b[2].c", True),
        ("a.b", "axb", False),
        ("each[].send", "each[1].send.alarm", False),
    ],
)
def test_a_name_stands_for_its_steps_only(name: str, path: str, fits: bool) -> None:
    assert names(name, path) is fits


def test_the_name_that_leaves_least_open_is_chosen() -> None:
    entries = {"a[].b[].c": 1, "a[2].b[].c": 2, "a[2].b[0].c": 3}
    paths = ["a[1].b[0].c", "a[2].b[1].c", "a[2].b[0].c", "a"]
    assert [choose(entries, path) for path in paths] == [1, 2, 3, None]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (0.04, "PT0S"), (2.001, "PT2S"), (90.5, "PT1M30.5S"), (86_400, "P1D"),
     (2_592_000 + 3661, "P30DT1H1M1S")],
)  # fmt: skip
def test_durations_are_shown_as_they_are_written(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert abs(parse_duration(text) - seconds) < 0.1
