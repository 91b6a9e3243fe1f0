"""When the triggers that nobody calls are due: the times of those that have some."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from minizaps.definition.poll import PollTriggerConfig
from minizaps.definition.timing import ScheduleTriggerConfig, Timing

_SOURCE = ("type", "config", "credential", "id", "cursor", "folder")
TIMED: Mapping[str, type[Timing]] = {
    "schedule": ScheduleTriggerConfig,
    "poll": PollTriggerConfig,
}
LISTENING = frozenset({"queue", "email"})  # due for as long as they listen


def first_due(kind: str, config: dict[str, Any], now: int, served: int | None) -> int | None:
    """When a trigger is due first, as it has just been saved or activated.

    Args:
        config: as it is stored.
        now: milliseconds.
        served: the last time for which it has started runs; it does not do so again.

    Returns:
        milliseconds; None for a trigger without times, and for one whose times are over.
    """
    if kind in LISTENING:
        return now
    if kind not in TIMED:
        return None
    timing = TIMED[kind].model_validate(config)
    if isinstance(timing, PollTriggerConfig) and timing.every is not None:
        return now  # its first look, which most often only remembers what is there
    return next(timing.times(now if served is None else max(now, served), now), None)


def next_due(kind: str, config: dict[str, Any], due_at: int, count: int) -> list[int]:
    """The next times of a trigger, the one at which it is due included."""
    times = TIMED[kind].model_validate(config).times(due_at, due_at)
    return [due_at, *islice(times, count - 1)]


def same_source(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a changed config still reads what it read before."""
    return all(before.get(name) == after.get(name) for name in _SOURCE)
