"""Replaying an ended run: a new run that takes over the results before a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minizaps.engine.history import ON_FAILURE
from minizaps.engine.plan import Foreach, Parallel, Plan, PlannedStep, Switch, Wait, pattern_of
from minizaps.engine.results import Result, Results
from minizaps.errors import InvalidInput, Problem
from minizaps.journal.records import Event, Run

START = "start"
FAILED = "failed"


def results_before(
    origin: str,
    plan: Plan,
    run: Run,
    run_plan: Plan,
    events: Sequence[Event],
    pins: Mapping[str, Any] | None = None,
) -> dict[str, Result]:
    """How the steps before `origin` ended, for the replay to take over.

    Of a step inside blocks these are the steps before it in its own lane, those before each of the
    blocks around it, and what is beside it: other items, other branches.

    Args:
        origin: `start`, `failed` (the step that failed the run), or a step's path.
        plan: of the version that the replay runs on.
        run, run_plan, events: the run that is replayed, and the plan of its own version.
        pins: outputs that steps are to have, by their paths, whatever they gave.

    Raises:
        InvalidInput: the version has no such step, the run has not come to it, or the run has not
            failed at one.
    """
    steps = {step.pattern: step for step in plan.all_steps()}
    pinned = {path: {"output": output} for path, output in (pins or {}).items()}
    results = Results(run, run_plan, events)
    for path in pinned:
        _require(path, steps, plan, results, f"/pins/{path}")
    target = origin if origin == START else _target(origin, plan, run, results)
    if target == START:
        return pinned
    _require(target, steps, plan, results, "/from")
    chosen = _Chosen(target, steps, run_plan, results, pinned)
    return {path: kept for path in results.found if (kept := chosen.result(path))} | pinned


def _require(
    path: str, steps: Mapping[str, PlannedStep], plan: Plan, results: Results, pointer: str
) -> None:
    """Refuse a path that names no step, or an item or case that the run did not have."""
    if pattern_of(path) not in steps:
        paths = ", ".join(list(steps)[:20])
        detail = f"version {plan.version} has no step {path!r}; it has {paths}"
        raise InvalidInput([Problem(pointer, detail)])
    if path.startswith(f"{ON_FAILURE}."):
        detail = "the steps of on_failure run again by themselves, if the replay fails"
        raise InvalidInput([Problem(pointer, detail)])
    for lane in around(path):
        if not lane.endswith("]"):
            continue
        block, _, key = lane[:-1].rpartition("[")
        facts = results.entered.get(block, {}).get("entered", {})
        if "items" in facts and int(key) >= len(facts["items"]):
            detail = f"{block} had {len(facts['items'])} items, counted from 0"
            raise InvalidInput([Problem(pointer, detail)])
        if facts.get("case", key) != key:
            detail = f"{block} ran the case {facts['case']}: begin at {block!r} to choose again"
            raise InvalidInput([Problem(pointer, detail)])


def _target(origin: str, plan: Plan, run: Run, results: Results) -> str:
    if origin != FAILED:
        return origin
    if run.error_type is None:
        raise InvalidInput([Problem("/from", "the run has not failed: replay it from 'start'")])
    if run.error_path is not None:
        return run.error_path
    undone = (s.id for s in plan.steps if "entered" in results.found.get(s.id, {"entered": 1}))
    return next(undone, START)


class _Chosen:
    """Which results a replay from a step takes over."""

    def __init__(
        self,
        target: str,
        steps: Mapping[str, PlannedStep],
        run_plan: Plan,
        results: Results,
        pinned: Mapping[str, Any],
    ) -> None:
        self._target = target
        self._around = {path for inner in (target, *pinned) for path in around(inner)}
        self._steps = steps
        self._types = {step.pattern: step.step_type for step in run_plan.all_steps()}
        self._places = {pattern: place for place, pattern in enumerate(steps)}
        self._found = results.found
        self._into = results.entered

    def result(self, path: str) -> Result | None:
        """What is taken over of a step or a lane; None if nothing."""
        if path.startswith(f"{ON_FAILURE}.") or not self._fits(path):
            return None
        if path == self._target or self._target in around(path):
            return None
        if path in self._around and (path in around(self._target) or self._is_before(path)):
            return self._entered(path)
        for outer in around(path):
            if outer not in self._around and "entered" not in self._found.get(
                outer, {"entered": 1}
            ):
                return None  # that one's own result has it
        return self._found[path] if self._is_before(path) else None

    def _fits(self, path: str) -> bool:
        """Whether the version of the replay has such a step, or such a lane of a block."""
        if not path.endswith("]"):
            pattern = pattern_of(path)
            step = self._steps.get(pattern)
            if step is None:
                return False
            # The URLs of a wait were the other run's.
            asked = isinstance(step.work, Wait) and "entered" in self._found[path]
            return not asked and (step.step_type == self._types[pattern] or _is_plain(step))
        block, _, key = path[:-1].rpartition("[")
        step = self._steps.get(pattern_of(block))
        match step.work if step is not None else None:
            case Foreach():
                return True
            case Parallel(branches=lanes) | Switch(cases=lanes):
                return key in lanes
        return False

    def _entered(self, path: str) -> Result | None:
        """Of a step around the target, or around what is pinned: how the replay gets into it."""
        result = self._found[path]
        if self._target.startswith(f"{path}."):
            return {"error": result["error"]} if "error" in result else None
        return self._into.get(path)

    def _is_before(self, path: str) -> bool:
        """Whether a step, or a lane, comes before the target or is beside it."""
        for ours, theirs in zip(_levels(path), _levels(self._target), strict=False):
            (lane, step), (other_lane, other) = ours, theirs
            if lane != other_lane:
                return True
            if step != other:
                places = [self._places.get(pattern_of(lane + s), -1) for s in (step, other)]
                return places[0] < places[1]
        return True


def _is_plain(step: PlannedStep) -> bool:
    """Whether a connector does the step: what it gave before may stand for what it would give."""
    return not isinstance(step.work, Foreach | Parallel | Switch | Wait)


def around(path: str) -> list[str]:
    """The steps and lanes around a step, from the outside in.

    `each[3].book.alarm` is inside `each`, `each[3]` and `each[3].book`.
    """
    return [path[:end] for end, sign in enumerate(path) if sign in ".["]


def _levels(path: str) -> Iterator[tuple[str, str]]:
    """The lane's prefix and the step's id at each level of a path; a lane's own has no id."""
    start = 0
    for part in path.split("."):
        step, bracket, _ = part.partition("[")
        yield path[:start], step
        start += len(part) + 1
        if bracket and start > len(path):
            yield path + ".", ""
