"""What a look of a poll starts, and when the next one is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from minizaps.definition.poll import PollTriggerConfig

FIRST_DELAY = 10.0  # seconds after a failure; each further one in a row doubles it
LONGEST_DELAY = 3600.0


class Chosen(NamedTuple):
    """Which items of a look are taken.

    Attributes:
        start: those that start runs.
        remember: those that are known from now on.
        all: whether none is left for the next look.
    """

    start: list[str]
    remember: list[str]
    all: bool


def choose(
    config: PollTriggerConfig, items: Iterable[str], known: set[str], *, first: bool
) -> Chosen:
    """Which items of a look start runs.

    Args:
        items: hashes, in the order of the source.
        known: those of them that earlier looks have seen.
        first: whether this is the first look.
    """
    new = [item for item in items if item not in known]
    if first and config.start == "new":
        return Chosen([], new, all=True)
    taken = new[: config.max_items]
    return Chosen(taken, taken, all=len(taken) == len(new))


def next_look(config: PollTriggerConfig, due_at: int, now: int) -> int | None:
    """When to look again after a look that went well, in milliseconds."""
    return next(config.times(now, due_at), None)


def retry_look(failures: int, retry_after: float | None, now: int) -> int:
    """When to look again after a look that failed, in milliseconds.

    Args:
        failures: in a row, this one included.
        retry_after: seconds that the other side asked to wait, if it did.
    """
    delay = min(FIRST_DELAY * 2.0 ** min(failures, 20), LONGEST_DELAY)
    asked = min(retry_after or 0.0, LONGEST_DELAY)
    return now + round(max(delay, asked) * 1000)
