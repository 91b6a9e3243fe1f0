"""Filters on points in time, written as ISO 8601 strings or as seconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from minizaps.definition.expressions.budget import Budget, Refused
from minizaps.definition.expressions.values import NUMBERS, argument_text, name_of, shown

_DIRECTIVE = re.compile(r"%(-?.?)", re.DOTALL)
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_LONGEST_FORMAT = 200
_ZONE_STEPS = 1000  # a name that is not known is looked for on the disk
_DATE_STEPS = 50
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]


def _offset(moment: datetime) -> str:
    text = moment.isoformat()[-6:]
    return text.replace(":", "")


# Our own table, for strftime depends on the system and its language.
_FORMATS: dict[str, Callable[[datetime], str]] = {
    "Y": lambda moment: f"{moment.year:04}",
    "y": lambda moment: f"{moment.year % 100:02}",
    "m": lambda moment: f"{moment.month:02}",
    "d": lambda moment: f"{moment.day:02}",
    "H": lambda moment: f"{moment.hour:02}",
    "I": lambda moment: f"{moment.hour % 12 or 12:02}",
    "M": lambda moment: f"{moment.minute:02}",
    "S": lambda moment: f"{moment.second:02}",
    "f": lambda moment: f"{moment.microsecond:06}",
    "p": lambda moment: "AM" if moment.hour < 12 else "PM",
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "A": lambda moment: _DAYS[moment.weekday()],
    "a": lambda moment: _DAYS[moment.weekday()][:3],
    "B": lambda moment: _MONTHS[moment.month - 1],
    "b": lambda moment: _MONTHS[moment.month - 1][:3],
    "u": lambda moment: str(moment.isoweekday()),
    "G": lambda moment: f"{moment.isocalendar().year:04}",
    "V": lambda moment: f"{moment.isocalendar().week:02}",
    "F": lambda moment: moment.date().isoformat(),
    "T": lambda moment: moment.time().isoformat("seconds"),
    "z": _offset,
    "Z": lambda moment: moment.tzname() or "",
    "s": lambda moment: str(int(moment.timestamp())),
    "%": lambda moment: "%",
}


def date_format(
    budget: Budget,
    value: Any,
    format: Any = "%Y-%m-%d",  # noqa: A002
    timezone: Any = None,
) -> str:
    """The time in the given form, in the given zone (else in the zone that it is written in)."""
    pattern = argument_text(format, "format")
    if len(pattern) > _LONGEST_FORMAT:
        raise Refused(f"needs a format of at most {_LONGEST_FORMAT} characters")
    moment = _moment(budget, value)
    if timezone is not None:
        moment = _moved(moment, _zone(budget, argument_text(timezone, "timezone")))

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        write = _FORMATS.get(code.removeprefix("-"))
        if write is None:
            raise Refused(f"cannot write '{match.group()}': the format has no such part")
        written = write(moment)
        return written.lstrip("0") or "0" if code.startswith("-") else written

    budget.spend(_DATE_STEPS + len(pattern) * 5)
    return _DIRECTIVE.sub(replace, pattern)


def date_add(
    budget: Budget,
    value: Any,
    weeks: Any = 0,
    days: Any = 0,
    hours: Any = 0,
    minutes: Any = 0,
    seconds: Any = 0,
) -> str:
    """The time, so much later (or earlier, with numbers below zero), as ISO 8601."""
    moment = _moment(budget, value)
    amounts = {
        "weeks": weeks,
        "days": days,
        "hours": hours,
        "minutes": minutes,
        "seconds": seconds,
    }
    for name, amount in amounts.items():
        if type(amount) not in NUMBERS:
            raise Refused(f"needs a number as {name}, not {name_of(amount)}")
    try:
        return _written(moment + timedelta(**amounts))
    except (OverflowError, ValueError):
        raise Refused("cannot go beyond the years 1 to 9999") from None


def timestamp(budget: Budget, value: Any) -> int | float:
    """The seconds since 1970-01-01T00:00:00Z."""
    since = _moment(budget, value) - datetime(1970, 1, 1, tzinfo=UTC)
    whole = since.days * 86400 + since.seconds
    return whole + since.microseconds / 1e6 if since.microseconds else whole


def date(budget: Budget, value: Any, timezone: Any = None) -> str:
    """The time as ISO 8601, in the given zone (else in the zone that it is written in)."""
    moment = _moment(budget, value)
    if timezone is not None:
        moment = _moved(moment, _zone(budget, argument_text(timezone, "timezone")))
    return _written(moment)


def _moment(budget: Budget, value: Any) -> datetime:
    budget.spend(_DATE_STEPS)
    try:
        if type(value) in NUMBERS:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
        if type(value) is str and len(value) <= 40:
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused(
        f"needs a time such as '2026-03-01T12:30:00Z' or seconds since 1970, not {shown(value)}"
    )


def _moved(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        raise Refused("cannot go beyond the years 1 to 9999") from None


def _written(moment: datetime) -> str:
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _zone(budget: Budget, name: str) -> tzinfo:
    budget.spend(_ZONE_STEPS)
    zone = _load_zone(name) if len(name) <= 64 else None
    if zone is None:
        raise Refused(f"cannot find the time zone {shown(name)} (write it as 'Europe/Berlin')")
    return zone


@lru_cache(maxsize=512)
def _load_zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    if not _ZONE_NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


FILTERS: dict[str, Callable[..., Any]] = {
    "date": date,
    "date_format": date_format,
    "date_add": date_add,
    "timestamp": timestamp,
}
