"""What must hold lane by lane: each is a sequence of steps, and several go on beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from minizaps.journal.status import Kind

from .evidence import Event, Run
from .spec import ASK, BLOCKS, ON_FAILURE, Spec, Step, inside

MOST_CUTS = 3
ATTEMPTED = ("webhook", "charge", "workflow")
_ENDS = (Kind.SUCCEED, Kind.FAIL, Kind.CANCEL)


class Broken(Exception):
    """The run's events break a rule."""


@dataclass
class Lane:
    """A sequence of steps under way."""

    prefix: str
    steps: Sequence[Step]
    place: int = 0

    @property
    def turn(self) -> str | None:
        """The path of the step whose turn it is."""
        return self.prefix + self.steps[self.place]["id"] if self.place < len(self.steps) else None


def check_lanes(run: Run, spec: Spec) -> Iterator[str]:
    """The first rule that the events of a run's steps break, if any."""
    walk = _Walk(spec)
    try:
        for event in run.events:
            walk.take(event)
        end = next(iter(run.of(*_ENDS)), None)
        if end and end.kind == Kind.SUCCEED:
            walk.check_success()
        elif end and end.kind == Kind.FAIL:
            walk.check_failure(end.data["error"])
    except Broken as broken:
        yield str(broken)


class _Walk:
    """Where a walk over a run's events has got to."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._lanes = {"": Lane("", spec.steps)}
        self._ended: set[str] = set()  # lanes
        self._entered: dict[str, dict[str, Any]] = {}  # the blocks under way
        self._attempts: Counter[str] = Counter()
        self._open: dict[str, int] = {}  # the attempts under way
        self._called: dict[str, int] = {}  # the attempts whose runs are waited for
        self._cut: set[str] = set()  # the steps whose last attempt a kill has cut
        self._deaths: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        """One event.

        Raises:
            Broken: it should not be there.
        """
        if event.kind in (Kind.RESCUE, Kind.RELEASE):
            self._cut.update(self._open)
            if event.kind == Kind.RESCUE:
                self._deaths.update(self._open.keys())
            self._open.clear()
        elif event.kind == Kind.CATCH:
            self._catch(event, event.path or "")
        elif event.kind == Kind.FAIL and event.path is not None:
            self._close(event, event.path)
        elif event.path is not None:
            self._step(event, event.path)

    def check_success(self) -> None:
        """Nothing is left to do when the run has succeeded."""
        if (turn := self._lanes[""].turn) is not None:
            raise Broken(f"it succeeded before {turn} was done")

    def check_failure(self, error: dict[str, Any]) -> None:
        """What is to be done after a failure was done, unless that failed too."""
        if (lane := self._lanes.get(f"{ON_FAILURE}.")) is None:
            self._check_cut(error)
        elif "on_failure" in error:
            self._check_cut(error["on_failure"])
        elif lane.turn is not None:
            raise Broken(f"it failed before {lane.turn} was done")

    def _check_cut(self, error: dict[str, Any]) -> None:
        """A run that fails since attempts were cut has such attempts."""
        step = error.get("step", "")
        if error["type"] == "outcome_unknown" and step not in self._cut:
            raise Broken(f"its outcome is unknown, but no attempt of {step} was cut")
        if error["type"] == "poison" and self._deaths[step] < MOST_CUTS:
            cuts = self._deaths[step]
            raise Broken(f"{step} is poison, but only {cuts} of its attempts were cut")

    def _step(self, event: Event, path: str) -> None:
        lane = self._lane(event, path.rpartition(".")[0])
        if path != lane.turn:
            raise Broken(f"event {event.seq}: {event.kind} of {path}, but it is {lane.turn}'s turn")
        match event.kind:
            case Kind.ENTER:
                if path in self._entered:
                    raise Broken(f"event {event.seq}: {path} is entered again")
                self._entered[path] = event.data
            case Kind.BEGIN:
                self._begin(event, path)
            case Kind.COMPLETE if self._spec.type_of(path) in BLOCKS:
                self._leave(event, path)
            case _:
                self._close(event, path)
        if event.kind in (Kind.COMPLETE, Kind.SKIP):
            self._advance(lane)

    def _begin(self, event: Event, path: str) -> None:
        if path in self._open:
            raise Broken(
                f"event {event.seq}: {path} begins while attempt {self._open[path]} is under way"
            )
        if path in self._cut and self._spec.type_of(path) == "charge":
            raise Broken(f"event {event.seq}: {path} begins again after its attempt was cut")
        self._attempts[path] += 1
        if event.attempt != self._attempts[path]:
            raise Broken(
                f"event {event.seq}: attempt {event.attempt} is the {self._attempts[path]}th"
            )
        self._open[path] = event.attempt
        self._cut.discard(path)

    def _close(self, event: Event, path: str) -> None:
        """An attempt ends."""
        if event.attempt is None:
            return
        begun = self._open.pop(path, None) or self._called.pop(path, None)
        if self._spec.type_of(path) in ATTEMPTED and begun != event.attempt:
            what = f"{event.kind} of {path} #{event.attempt}"
            raise Broken(f"event {event.seq}: {what} without its begin")
        if event.kind == Kind.PAUSE and self._spec.type_of(path) == "workflow":
            self._called[path] = event.attempt

    def _leave(self, event: Event, path: str) -> None:
        """A block ends: all that is inside has ended."""
        facts = self._entered.pop(path, None)
        if facts is None:
            raise Broken(f"event {event.seq}: {path} is complete, but was not entered")
        for key in _awaited(self._spec.step(path), facts):
            if f"{path}[{key}]" not in self._ended:
                raise Broken(f"event {event.seq}: {path} is complete, but not its {key}")

    def _catch(self, event: Event, where: str) -> None:
        """A step has failed for good; what is under way where that is caught has ended too."""
        self._close(event, event.data["error"].get("step") or where)
        if where == ON_FAILURE:
            self._check_cut(event.data["error"])
            self._lanes = {f"{where}.": Lane(f"{where}.", self._spec.on_failure)}
            self._open.clear()
            return
        lane = self._lane(event, where if where.endswith("]") else where.rpartition(".")[0])
        self._abandon(where)
        if where.endswith("]"):
            del self._lanes[f"{where}."]
            self._ended.add(where)
            return
        if where != lane.turn:
            raise Broken(f"event {event.seq}: {where} is caught, but it is {lane.turn}'s turn")
        handled = self._spec.step(where).get("on_error")
        if isinstance(handled, dict):
            self._lanes[f"{where}."] = Lane(f"{where}.", handled["steps"])
        else:
            self._advance(lane)

    def _abandon(self, where: str) -> None:
        prefixes = (f"{where}.", f"{where}[")
        self._lanes = {
            prefix: lane
            for prefix, lane in self._lanes.items()
            if prefix == f"{where}." or not prefix.startswith(prefixes)
        }
        for path in [p for p in self._open if p.startswith(prefixes)]:
            del self._open[path]
        self._entered.pop(where, None)

    def _advance(self, lane: Lane) -> None:
        lane.place += 1
        if lane.turn is not None or lane.prefix in ("", f"{ON_FAILURE}."):
            return
        del self._lanes[lane.prefix]
        name = lane.prefix.removesuffix(".")
        self._ended.add(name)
        if not name.endswith("]"):  # an `on_error`: its step is done
            self._advance(self._lanes[_prefix(name.rpartition(".")[0])])

    def _lane(self, event: Event, name: str) -> Lane:
        """The lane to which an event belongs; perhaps it is its first."""
        prefix = _prefix(name)
        if (lane := self._lanes.get(prefix)) is not None:
            return lane
        if name in self._ended:
            raise Broken(f"event {event.seq}: {event.kind} in {name} after its end")
        owner, _, key = name.removesuffix("]").rpartition("[")
        if not name.endswith("]") or owner not in self._entered:
            raise Broken(f"event {event.seq}: {event.kind} in {name}, which is not under way")
        step, facts = self._spec.step(owner), self._entered[owner]
        if key not in _awaited(step, facts):
            raise Broken(f"event {event.seq}: {event.kind} in {name}, of which nothing is known")
        beside = sum(p.startswith(f"{owner}[") and p.count("[") == prefix.count("[")
                     for p in self._lanes)  # fmt: skip
        if step["type"] == "foreach" and beside >= step["config"].get("concurrency", 1):
            raise Broken(f"event {event.seq}: {name} begins while {beside} others are under way")
        lane = self._lanes[prefix] = Lane(prefix, inside(step, key))
        return lane


def _awaited(step: Step, facts: dict[str, Any]) -> list[str]:
    """The keys of the lanes that a block waits for."""
    match step["type"]:
        case "foreach":
            return [str(n) for n in range(len(facts["items"]))]
        case "parallel":
            return [branch["id"] for branch in step["branches"]]
        case "switch":
            return [] if facts["case"] is None else [str(facts["case"])]
    return [ASK]


def _prefix(name: str) -> str:
    return f"{name}." if name else ""
