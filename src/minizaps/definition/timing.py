"""When a trigger is due: by a cron expression on a zone's wall clock, or at even intervals.

On the days on which clocks change, cron expressions go by the rules of Debian's cron (cron(8)). One
with a star in its minutes or hours goes by the clock as it is: what is skipped does not fire, and
what is repeated fires twice. Any other fires once for each of its times: one that the clock skips
at the first moment after the gap, one that it repeats the first time. A jump of more than three
hours is a correction: what it skips does not fire.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AwareDatetime, Field, field_validator, model_validator

from minizaps.clock import LATEST, to_datetime, to_ms
from minizaps.definition.durations import Duration
from minizaps.definition.problems import suggest
from minizaps.definition.steps import Model

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
CORRECTION = timedelta(hours=3)
DAY = 86_400_000  # milliseconds
MINUTE = 60_000
SHORTEST = 1  # seconds


class Timing(Model):
    """Exactly one of `cron` and `every`."""

    cron: str | None = Field(
        default=None,
        max_length=200,
        description="Minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, "
        "`@weekly`, `@monthly`, `@yearly`.",
    )
    every: Annotated[Duration, Field(ge=SHORTEST)] | None = Field(
        default=None, description=f"The time from one to the next, {SHORTEST} s or more."
    )
    timezone: str = Field(
        default="UTC", description="With `cron`: the IANA time zone of its clock, `Europe/Berlin`."
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None and next(_walls(value, datetime(2000, 1, 1)), None) is None:  # noqa: DTZ001 - a wall clock
            raise ValueError("never fires: there is no such date")
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            hint = suggest(value, available_timezones()) or ": write it as Europe/Berlin"
            raise ValueError(f"there is no time zone {value!r}{hint}") from None
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Timing:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give either `cron` or `every`")
        if self.every is not None and "timezone" in self.model_fields_set:
            raise ValueError("`timezone` belongs to `cron`: an `every` is the same in all zones")
        return self

    def counted_from(self, anchor: int) -> int:
        """The time from which an `every` counts, in milliseconds, where `anchor` is one."""
        return anchor

    def times(self, after: int, anchor: int) -> Iterator[int]:
        """The times after `after`, ascending, in milliseconds.

        Args:
            after: milliseconds; the first time is later.
            anchor: one of the times of an `every`, in milliseconds.
        """
        return takewhile(lambda time: time < LATEST, self._times(after, anchor))

    def _times(self, after: int, anchor: int) -> Iterator[int]:
        if self.every is not None:
            return _even(self.counted_from(anchor), self.every, after)
        expression, zone = self.cron or "", ZoneInfo(self.timezone)
        minutes, hours = ALIASES.get(expression.lower(), expression).split()[:2]
        if minutes.startswith("*") or hours.startswith("*"):
            return _by_the_clock(expression, zone, after)
        return _once_each(expression, zone, after)

    def latest(self, earliest: int, until: int) -> int | None:
        """The last time of those from `earliest`, which is one, to `until`."""
        if until < earliest:
            return None
        span = MINUTE
        while True:
            after = max(until - span, earliest - 1)
            found = list(takewhile(lambda time: time <= until, self.times(after, earliest)))
            if found or after < earliest:
                return found[-1] if found else None
            span *= 2

    def count(self, earliest: int, until: int, most: int) -> int:
        """How many times there are from `earliest`, which is one, to `until`; `most` at most."""
        times = islice(self.times(earliest - 1, earliest), most)
        return sum(1 for _ in takewhile(lambda time: time <= until, times))


class ScheduleTriggerConfig(Timing):
    """When a schedule starts runs, and with what."""

    start: AwareDatetime | None = Field(
        default=None,
        description="With `every`: the first time, from which the others are counted; if left "
        "out, one `every` after the workflow is activated.",
    )
    misfire: Literal["skip", "once", "all"] = Field(
        default="once",
        description="What becomes of times that nobody served for a minute: none of them starts a "
        "run, the newest does, or each does, oldest first.",
    )
    input: dict[str, object] = Field(
        default_factory=dict,
        description="What `trigger.body` has beside `scheduled_at`, `fired_at` and `missed`.",
    )

    @model_validator(mode="after")
    def _starts_an_interval(self) -> ScheduleTriggerConfig:
        if self.every is None and self.start is not None:
            raise ValueError("`start` belongs to `every`, not to `cron`")
        return self

    def counted_from(self, anchor: int) -> int:
        return anchor if self.start is None else to_ms(self.start)


def _even(first: int, every: float, after: int) -> Iterator[int]:
    step = round(every * 1000)
    number = max(0, (after - first) // step + 1)
    while True:
        yield first + number * step
        number += 1


def _walls(expression: str, after: datetime) -> Iterator[datetime]:
    """What the clock shows when an expression fires.

    Raises:
        ValueError: it is no cron expression.
    """
    plain = ALIASES.get(expression.lower(), expression)
    if plain.startswith("@"):
        known = ", ".join(ALIASES)
        raise ValueError(f"unknown {plain!r}{suggest(plain, ALIASES) or f': known are {known}'}")
    if len(plain.split()) != 5:
        raise ValueError("a cron expression has five fields: minute hour day month weekday")
    try:
        return iter(CronSim(plain, after))
    except CronSimError as error:
        raise ValueError(f"no cron expression that ever fires: {str(error).lower()}") from None


def _once_each(expression: str, zone: ZoneInfo, after: int) -> Iterator[int]:
    """Each time of an expression once, whatever the clock does."""
    start = to_datetime(after).astimezone(zone).replace(tzinfo=None)
    for wall in _walls(expression, start):
        moment = _first_moment(wall, zone)
        if moment is not None and moment > after:
            after = moment
            yield moment


def _first_moment(wall: datetime, zone: ZoneInfo) -> int | None:
    """When a clock shows a time, or the first moment after the gap in which that lies."""
    local = wall.replace(tzinfo=zone)
    before, behind = local.utcoffset(), local.replace(fold=1).utcoffset()
    if before is None or behind is None:
        return None
    if behind > before:  # PEP 495: in a gap, fold 0 has the offset from before it
        if behind - before > CORRECTION:
            return None
        instant = to_ms(local)
        return _change(zone, instant - DAY, instant)
    return to_ms(local)


def _by_the_clock(expression: str, zone: ZoneInfo, after: int) -> Iterator[int]:
    """Every moment at which a clock shows a time of an expression."""
    while True:
        offset = _offset(zone, after + 1)
        changed = None
        for wall in _walls(expression, datetime.fromtimestamp((after + offset) / 1000, UTC)):
            moment = to_ms(wall) - offset
            looks = (min(moment, after + DAY), moment)
            changed = next((at for at in looks if _offset(zone, at) != offset), None)
            if changed is not None:
                break
            after = moment
            yield moment
        if changed is None:
            return
        after = _change(zone, after + 1, changed) - 1


def _offset(zone: ZoneInfo, at: int) -> int:
    """How far a zone's clock is ahead of UTC, in milliseconds."""
    ahead = to_datetime(at).astimezone(zone).utcoffset()
    return 0 if ahead is None else ahead // timedelta(milliseconds=1)


def _change(zone: ZoneInfo, before: int, behind: int) -> int:
    """The first moment, to the second, at which a zone has the offset that it has at `behind`."""
    offset, low, high = _offset(zone, before), before // 1000, behind // 1000
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle * 1000) == offset:
            low = middle
        else:
            high = middle
    return high * 1000
