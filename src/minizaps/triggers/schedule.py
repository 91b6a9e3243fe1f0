"""Which times of a schedule start runs when it is found due: the rules of `misfire`."""

from __future__ import annotations

from typing import NamedTuple

from minizaps.definition.timing import ScheduleTriggerConfig

GRACE = 60_000  # milliseconds; what is found later than this was missed
MOST_FIRES = 20  # of one schedule at one look; further ones come at the next, which is at once
MOST_COUNTED = 1000  # times that `missed` counts


class Fire(NamedTuple):
    """A time that starts a run.

    Attributes:
        at: milliseconds.
        missed: for how many earlier times, which started none, it stands.
    """

    at: int
    missed: int = 0


class Look(NamedTuple):
    """What a look at a schedule comes to.

    Attributes:
        due_at: its next time; None if there is none.
        passed: how many times start no run, `MOST_COUNTED` at most.
    """

    fires: list[Fire]
    due_at: int | None
    passed: int


def look(schedule: ScheduleTriggerConfig, due_at: int, now: int) -> Look:
    """What a schedule does that is due.

    Args:
        due_at: the first of its times that nobody has served, in milliseconds, not after `now`.
    """
    overdue, passed, fires = now - GRACE, 0, list[Fire]()
    times = schedule.times(due_at - 1, due_at)
    if schedule.misfire != "all" and due_at < overdue:
        newest = schedule.latest(due_at, overdue - 1) or due_at
        passed = schedule.count(due_at, overdue - 1, MOST_COUNTED)
        if schedule.misfire == "once":
            passed -= 1
            fires.append(Fire(newest, passed))
        times = schedule.times(newest, newest)
    for time in times:
        if time > now or len(fires) == MOST_FIRES:
            return Look(fires, time, passed)
        fires.append(Fire(time))
    return Look(fires, None, passed)
