"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes and times of all measurements.

    Attributes:
        repeat: how often each measurement is taken.
        seconds: of full load, a repetition.
        scale_seconds: of full load on each layout, a repetition.
        latency_seconds: of steady low load, a repetition.
        first_step_seconds: the same, where the first step is looked at, once.
        warm_up: seconds of load before the first repetition.
        waiting: runs that wait.
        waking: runs that wake in the same second.
        schedules: schedules that are due in the same moment.
        many: ended runs in the large database.
        settle: seconds of rest after a start, before memory is read.
        listings: how often the list of runs is read.
        loops: runs with a loop, one after the other.
        hooks: of each kind, a repetition.
    """

    repeat: int = 3
    seconds: float = 5.0
    scale_seconds: float = 3.0
    first_step_seconds: float = 20.0
    latency_seconds: float = 10.0
    warm_up: float = 1.0
    waiting: int = 100_000
    waking: int = 10_000
    schedules: int = 1_000
    many: int = 1_000_000
    settle: float = 2.0
    listings: int = 500
    loops: int = 10
    hooks: int = 10_000


QUICK = Options(
    repeat=1,
    seconds=1.0,
    scale_seconds=1.0,
    first_step_seconds=2.0,
    latency_seconds=1.0,
    warm_up=0.3,
    waiting=2_000,
    waking=500,
    schedules=200,
    many=20_000,
    settle=0.5,
    listings=50,
    loops=2,
    hooks=500,
)
