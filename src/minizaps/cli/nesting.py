"""A run's steps as a nested list: each under the block that it runs in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from minizaps.engine.replay import around

Step = dict[str, Any]
FIRST = 3  # items of a long loop that are shown in any case
SHORT = 20  # items up to which all of them are shown
REMARKABLE = ("failed", "caught", "running", "waiting", "retrying", "interrupted")


class Shown(NamedTuple):
    """A step as it is shown.

    Attributes:
        label: its path from the step above it, indented.
        hidden: how many further items of the loop are not shown after it.
    """

    label: str
    step: Step
    hidden: int = 0


def nested(steps: Sequence[Step]) -> list[Shown]:
    """The steps in the order of their start, each below the one inside which it runs."""
    inside: dict[str, list[Step]] = defaultdict(list)
    known = {step["path"] for step in steps}
    for step in steps:
        outer = [path for path in around(step["path"]) if path in known]
        inside[outer[-1] if outer else ""].append(step)
    return list(_below("", inside, 0))


def _below(path: str, inside: dict[str, list[Step]], depth: int) -> Iterator[Shown]:
    items: dict[str, list[Step]] = defaultdict(list)
    for step in inside.get(path, ()):
        items[_lane(step["path"], path)].append(step)
    shown = [lane for n, lane in enumerate(items) if n < FIRST or _remarkable(items[lane])]
    if len(items) <= SHORT:
        shown = list(items)
    last = shown[-1] if shown else None
    for lane in shown:
        for place, step in enumerate(items[lane], 1):
            label = step["path"][len(path) :].removeprefix(".")
            end = lane == last and place == len(items[lane])
            hidden = len(items) - len(shown) if end else 0
            below = list(_below(step["path"], inside, depth + 1))
            yield Shown("  " * depth + label, step, 0 if below else hidden)
            if below:
                yield from below[:-1]
                yield below[-1]._replace(hidden=below[-1].hidden or hidden)


def _lane(path: str, outer: str) -> str:
    """Which item, branch or case of the step above a step belongs to."""
    return path[len(outer) :].partition(".")[0] if path.startswith(f"{outer}[") else ""


def _remarkable(steps: Sequence[Step]) -> bool:
    return any(step["status"] in REMARKABLE for step in steps)
