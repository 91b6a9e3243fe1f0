"""How each step of a run has ended, as a replay takes it over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minizaps.engine.history import History
from minizaps.engine.lanes import Lane, StepState
from minizaps.engine.plan import Parallel, Plan
from minizaps.journal.records import Event, Run

Result = dict[str, Any]


class Results(History):
    """A history that keeps what it has passed.

    Attributes:
        found: by the paths of steps: `output`, `error` or `skipped`, with the outputs of the steps
            inside that are known afterwards as `inner`; of a block that has not ended, what it was
            `entered` with. By the paths of blocks' lanes that have ended: their `output`.
        entered: what each block was entered with.
    """

    def __init__(self, run: Run, plan: Plan, events: Iterable[Event]) -> None:
        super().__init__(run, plan)
        self.found: dict[str, Result] = {}
        self.entered: dict[str, Result] = {}
        self._known: dict[str, frozenset[str]] = {}
        self.extend(events)

    def _start(self, data: Mapping[str, Any]) -> None:
        super()._start(data)
        self.found |= data.get("results") or {}
        self.entered |= {path: r for path, r in self.found.items() if "entered" in r}

    def _enter(self, state: StepState, facts: Mapping[str, Any]) -> None:
        self.found[state.path] = self.entered[state.path] = {"entered": dict(facts)}
        self._known[state.path] = frozenset(state.lane.data["steps"])
        super()._enter(state, facts)

    def _succeed(self, state: StepState, output: Any) -> None:
        result = {"output": output}
        if isinstance(state.step.work, Parallel) and state.inside is not None:
            result["inner"] = dict(state.inside.inner)
        elif inner := self._inner(state):
            result["inner"] = inner
        self.found[state.path] = result
        super()._succeed(state, output)

    def _skip(self, state: StepState) -> None:
        self.found[state.path] = {"skipped": True}
        super()._skip(state)

    def _fail(self, state: StepState, error: dict[str, Any], *, handled: bool = False) -> None:
        self.found[state.path] = {"error": error}
        super()._fail(state, error, handled=handled)
        self._known[state.path] = frozenset(state.lane.data["steps"])

    def _close(self, lane: Lane) -> None:
        owner = lane.owner
        if owner is not None and lane.key is None:
            self.found[owner.path] |= {"handled": True, "inner": self._inner(owner)}
        elif owner is not None:
            result = self.found[f"{owner.path}[{lane.key}]"] = {"output": lane.output}
            if isinstance(owner.step.work, Parallel):
                known = owner.lane.data["steps"]
                steps = lane.data["steps"].items()
                result["inner"] = {k: v for k, v in steps if k not in known}
        super()._close(lane)

    def _inner(self, state: StepState) -> dict[str, Any]:
        """The outputs that have become known since the step was entered, or has failed."""
        known = self._known.get(state.path)
        if known is None:
            return {}
        steps = state.lane.data["steps"].items()
        return {k: v for k, v in steps if k not in known and k != state.step.id}
