"""Where a run stands: its lanes, and the state of each step in them.

A lane is one sequence of steps under way: the run's own, an item's, a branch's, a case's, that of
an `on_error`, that of `on_failure`. Each goes from step to step by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from minizaps.definition.steps import ROOTS
from minizaps.engine.plan import Foreach, Parallel, PlannedStep, Switch, Wait

KEPT_APART = ROOTS | {"$now"}
ASK = "ask"


class StepStatus(StrEnum):
    """Where a step stands."""

    RUNNING = "running"  # an attempt has begun and has no outcome yet
    INTERRUPTED = "interrupted"  # its worker died during the attempt
    RETRYING = "retrying"  # an attempt has failed; the next one is due
    PAUSED = "paused"  # until its time, or until its signal
    OPEN = "open"  # a block whose steps are under way
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    CAUGHT = "caught"  # failed for good; `on_error` took over


@dataclass(slots=True)
class Lane:
    """One sequence of steps under way.

    Attributes:
        prefix: what stands before its steps' ids in their paths.
        data: the context roots, and the outputs' keys merged over each other.
        owner: the step inside which it runs; None for the run's own and for `on_failure`.
        key: which of the owner's lanes it is; None for that of its `on_error`.
        extra: roots that stand beside the data: `error`, `callback`.
        output: of the step that succeeded last.
        place: how many of its steps are done.
        path: the path of the step whose turn it is; empty once all are done.
    """

    steps: tuple[PlannedStep, ...]
    prefix: str
    data: dict[str, Any]
    owner: StepState | None = None
    key: str | None = None
    extra: dict[str, Any] | None = None
    output: Any = None
    place: int = field(default=0, init=False)
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.prefix + self.steps[0].id if self.steps else ""

    @property
    def ended(self) -> bool:
        """Whether all its steps are done."""
        return not self.path

    def advance(self) -> None:
        """The step whose turn it was is done."""
        self.place += 1
        self.path = self.prefix + self.step.id if self.place < len(self.steps) else ""

    @property
    def step(self) -> PlannedStep:
        """The step whose turn it is."""
        return self.steps[self.place]

    @property
    def scope(self) -> Mapping[str, Any]:
        """The data that its expressions see."""
        if self.owner is None and self.extra is None:
            return self.data
        extras = [lane.extra for lane in self.around() if lane.extra]
        if not extras:
            return self.data
        return {**self.data, **{k: v for extra in reversed(extras) for k, v in extra.items()}}

    def around(self) -> Iterator[Lane]:
        """The lane, and those inside which it runs."""
        lane: Lane | None = self
        while lane is not None:
            yield lane
            lane = lane.owner.lane if lane.owner else None

    def find(self, step_id: str) -> PlannedStep:
        """One of its steps."""
        if not self.ended and self.step.id == step_id:
            return self.step
        found = [step for step in self.steps if step.id == step_id]
        if not found:
            raise LookupError(f"no step {self.prefix}{step_id}: the events are another version's")
        return found[0]

    def merge(self, step_id: str, output: Any) -> None:
        """Make a step's output known to the steps that follow."""
        self.output = output
        self.data["steps"][step_id] = output
        if isinstance(output, dict):
            for key, value in output.items():
                if key not in KEPT_APART:
                    self.data[key] = value

    def copied_data(self) -> dict[str, Any]:
        """Data for a lane inside this one, whose changes stay its own."""
        return {**self.data, "steps": dict(self.data["steps"])}


@dataclass(slots=True)
class Inside:
    """What is inside a block that is under way.

    Attributes:
        facts: what the block was entered with, such as its `items`.
        lanes: those under way, by their keys.
        results: what has come out, by the lanes' keys.
        opened: of a foreach, how many of its first items have been opened.
    """

    facts: Mapping[str, Any]
    lanes: dict[str, Lane] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    inner: dict[str, Any] = field(default_factory=dict)
    opened: int = 0


@dataclass(slots=True)
class StepState:
    """What is known of a step.

    Attributes:
        attempts: how many have begun.
        failures: how many of them have failed.
        interruptions: how many ended with their worker's death.
        until: when a pause or a wait ends, or the next attempt is due, in milliseconds.
        signal: the name of the signal that it waits for.
        child: the run that it has started.
        inside: of a block under way, what is inside.
    """

    lane: Lane
    step: PlannedStep
    status: StepStatus = StepStatus.RUNNING
    attempts: int = 0
    failures: int = 0
    interruptions: int = 0
    output: Any = None
    error: dict[str, Any] | None = None
    until: int | None = None
    signal: str | None = None
    child: str | None = None
    inside: Inside | None = None

    @property
    def path(self) -> str:
        """The step's path."""
        return self.lane.prefix + self.step.id

    def keys(self) -> Iterator[str]:
        """The keys of the lanes that the block may still open, in their order."""
        inside = self.inside
        if inside is None:
            return
        match self.step.work:
            case Foreach():
                count = len(inside.facts["items"])
                while inside.opened < count:
                    key = str(inside.opened)
                    inside.opened += 1
                    if key not in inside.results and key not in inside.lanes:
                        yield key
            case Parallel(branches=branches):
                yield from (k for k in branches if k not in inside.results | inside.lanes)
            case Switch():
                case = inside.facts["case"]
                if case is not None and not inside.results and not inside.lanes:
                    yield case
            case Wait(steps=steps):
                if steps and not inside.results and not inside.lanes:
                    yield ASK

    @property
    def all_in(self) -> bool:
        """Whether all that a block waits for has ended."""
        inside = self.inside
        if inside is None:
            return False
        match self.step.work:
            case Foreach():
                return len(inside.results) == len(inside.facts["items"])
            case Parallel(branches=branches):
                return len(inside.results) == len(branches)
            case Switch():
                return inside.facts["case"] is None or bool(inside.results)
            case Wait(steps=steps):
                return not steps or bool(inside.results)
        return False

    def steps_of(self, key: str) -> tuple[PlannedStep, ...]:
        """The steps of one of the block's lanes."""
        match self.step.work:
            case Foreach(steps=steps) | Wait(steps=steps):
                return steps
            case Parallel(branches=lanes) | Switch(cases=lanes):
                return lanes[key]
        raise KeyError(key)

    def result(self) -> Any:
        """What a block gives once all that is inside has ended."""
        assert self.inside is not None  # noqa: S101 - only asked of a block
        results = self.inside.results
        match self.step.work:
            case Foreach():
                return [results[str(n)] for n in range(len(self.inside.facts["items"]))]
            case Parallel(branches=branches):
                return {key: results[key] for key in branches}
        return next(iter(results.values()), None)
