"""The time, in one place, so that tests can drive it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

LATEST = 253_370_764_800_000  # 9999-01-01T00:00:00Z


class Clock(Protocol):
    """Where the journal and the engine read the time."""

    def now(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self._now = now

    def now(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._now += round(seconds * 1000)

    def move_to(self, now: int) -> None:
        """Move the clock to a time, in milliseconds."""
        self._now = now


def to_datetime(ms: int) -> datetime:
    """The aware UTC datetime of a time in milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC)


@lru_cache(1024)
def to_text(ms: int | None) -> str | None:
    """RFC 3339 in UTC with milliseconds, as the API shows times."""
    if ms is None:
        return None
    return to_datetime(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_ms(moment: datetime) -> int:
    """Milliseconds of an aware datetime, rounded up: nothing waits too short.

    Beyond the first day of the year 9999 it is that day, so that it can be shown again.
    """
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return min(-(-since // timedelta(milliseconds=1)), LATEST)
