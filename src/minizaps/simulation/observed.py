"""What the runs of a test did, as its expectations look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minizaps.app import App
from minizaps.engine.results import Results
from minizaps.engine.timeline import StepView, timeline
from minizaps.journal.records import Event, Run
from minizaps.journal.status import Kind, Status
from minizaps.simulation.stage import INSIDE


@dataclass(frozen=True, slots=True)
class SeenStep:
    """One step.

    Attributes:
        name: its path; of a called workflow's step, after the calling step's and a `/`.
        started: whether it was not passed over.
        seconds: how long it took; None where it has not ended, or not started.
    """

    name: str
    type: str
    status: str
    attempts: int
    started: bool
    seconds: float | None = None
    input: Any = None
    output: Any = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One test's run, with the steps of all runs that it started.

    Attributes:
        took: seconds of virtual time.
        steps: in the order of their start; those of a called workflow after the calling step.
    """

    status: str
    output: Any = None
    error: dict[str, Any] | None = None
    took: float = 0.0
    steps: list[SeenStep] = field(default_factory=list)

    @property
    def started(self) -> list[SeenStep]:
        """The steps that were not passed over."""
        return [step for step in self.steps if step.started]


async def look(app: App, prefixes: dict[str, str]) -> Seen:
    """What some runs did.

    Args:
        prefixes: what stands before the names of each run's steps, by the run's id; the test's
            own run comes first.
    """
    main, *_ = prefixes
    run, events = await app.listings.run(main), await app.listings.events(main)
    steps = await _steps(app, run, events, "", {p: run_id for run_id, p in prefixes.items()})
    last = events[-1]
    ended = app.clock.now() if run.finished_at is None else run.finished_at
    return Seen(
        run.status,
        last.data.get("output") if last.kind is Kind.SUCCEED else None,
        last.data.get("error") if run.status is Status.FAILED else None,
        (ended - run.created_at) / 1000,
        steps,
    )


async def _steps(
    app: App, run: Run, events: list[Event], prefix: str, runs: dict[str, str]
) -> list[SeenStep]:
    plan = await app.engine.plan(run.workflow_id, run.version)
    outputs = Results(run, plan, events).found
    steps = []
    for view in timeline(plan, run, events):
        steps.append(_seen(view, prefix, outputs.get(view.path, {}).get("output")))
        inside = f"{prefix}{view.path}{INSIDE}"
        if (child := runs.get(inside)) is not None:
            called = await app.listings.run(child)
            steps += await _steps(app, called, await app.listings.events(child), inside, runs)
    return steps


def _seen(view: StepView, prefix: str, output: Any) -> SeenStep:
    last = view.attempts[-1] if view.attempts else None
    if last is None:
        return SeenStep(prefix + view.path, view.type, view.status, 0, started=False)
    ended = last.finished_at
    return SeenStep(
        prefix + view.path,
        view.type,
        view.status,
        last.number,
        started=True,
        seconds=None if ended is None else (ended - view.attempts[0].started_at) / 1000,
        input=last.input,
        output=last.output if last.output is not None else output,
        error=last.error,
    )
