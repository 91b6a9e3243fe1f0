"""The real engine, whose steps reach nothing outside: they are mocked, or they only compute."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

from minizaps.connectors.base import BaseConnector, Context, Pause
from minizaps.definition.steps import CallConfig, RetryPolicy
from minizaps.engine.engine import WorkflowEngine
from minizaps.engine.plan import (
    AnyConnector,
    Call,
    Foreach,
    Parallel,
    Plan,
    PlannedStep,
    Switch,
    Task,
    Wait,
    Work,
)
from minizaps.errors import AttemptTimedOut
from minizaps.journal.family import message_of_end
from minizaps.journal.records import Event, Parent
from minizaps.journal.status import Kind
from minizaps.simulation.stage import Stage
from minizaps.simulation.written import Mock

Steps = tuple[PlannedStep, ...]


class SimulatedEngine(WorkflowEngine):
    """Plans and drives runs as ever; what is on the stage stands for the world outside."""

    stage: Stage

    def enter(self, stage: Stage) -> None:
        """Take a stage for the runs that follow."""
        self.stage = stage
        self._staged: dict[tuple[str, int], Plan] = {}

    async def plan(self, workflow_id: str, version: int) -> Plan:
        """See `WorkflowEngine`."""
        key = (workflow_id, version)
        if key not in self._staged:
            plan = await super().plan(workflow_id, version)
            steps = _staged(plan.steps, self.stage)
            on_failure = _staged(plan.on_failure, self.stage)
            self._staged[key] = replace(plan, steps=steps, on_failure=on_failure)
        return self._staged[key]

    async def start_child(
        self, project: str, config: CallConfig, trigger: dict[str, Any], run_id: str, parent: Parent
    ) -> None:
        """See `Runs`. Of a mocked call the step hears what the called run's end would say."""
        stage, path = self.stage, trigger["id"]
        name = stage.name(parent.run_id, path)
        if (mock := stage.mock(name)) is not None:
            if config.wait:
                said = message_of_end(run_id, [_end(mock)])
                stage.post(mock.takes, parent.run_id, run_id, said)
            return
        if config.workflow not in stage.workflows:
            what = f"calls the workflow {config.workflow!r}, which is not listed under `workflows`"
            raise stage.refuse(name, what)
        stage.call(parent.run_id, path, run_id)
        await super().start_child(project, config, trigger, run_id, parent)


def _end(mock: Mock) -> Event:
    if mock.error is None:
        return Event(1, 0, Kind.SUCCEED, None, None, {"output": mock.output})
    return Event(1, 0, Kind.FAIL, None, None, {"error": mock.error.model_dump()})


@dataclass(frozen=True, slots=True)
class SimulatedTask(Task):
    """A connector's step on a stage."""

    stage: Stage
    step_type: str

    def resolve(self, scope: Any) -> tuple[AnyConnector, dict[str, Any]]:
        """See `Task`: the config is computed and checked, whether the step is mocked or not."""
        connector, shown = Task.resolve(self, scope)
        return _Simulated(connector, self), shown


class _Simulated(BaseConnector[Any]):
    """Stands for a connector."""

    def __init__(self, real: AnyConnector, task: SimulatedTask) -> None:
        super().__init__(real.config)
        self._real = real
        self._task = task

    def may_repeat(self) -> bool:
        return self._real.may_repeat()

    async def execute(self, context: Context) -> dict[str, Any] | Pause | None:
        stage = self._task.stage
        name = stage.name(context.run_id, context.path)
        mock = stage.mock(name, context.attempt)
        if mock is not None:
            return self._play(mock, context)
        if not self._real.pure:
            raise stage.refuse(name, f"({self._task.step_type}) would reach outside")
        return await self._real.execute(context)

    def _play(self, mock: Mock, context: Context) -> dict[str, Any] | Pause:
        stage, timeout = self._task.stage, self._task.timeout
        if timeout is not None and mock.takes > timeout:
            stage.clock.advance(timeout)
            message = f"the attempt took longer than {timeout:g} s"
            raise AttemptTimedOut(message, retryable=self.may_repeat())
        if mock.error is not None:
            raise stage.fail(mock.error, mock.takes)
        output: dict[str, Any] = mock.output  # type: ignore[assignment] # checked with the file
        if not mock.takes:
            return output
        return Pause(context.now() + timedelta(seconds=mock.takes), output)


def _staged(steps: Steps, stage: Stage) -> Steps:
    return tuple(
        replace(
            step,
            handlers=_staged(step.handlers, stage),
            work=_staged_work(step.work, step.step_type, stage),
        )
        for step in steps
    )


def _staged_work(work: Work, step_type: str, stage: Stage) -> Work:
    match work:
        case Task():
            facts = {f.name: getattr(work, f.name) for f in fields(work)}
            facts |= {"retry": _steady(work.retry), "credential": None}
            return SimulatedTask(**facts, stage=stage, step_type=step_type)
        case Call():
            return replace(work, retry=_steady(work.retry))
        case Foreach() | Wait():
            return replace(work, steps=_staged(work.steps, stage))
        case Parallel():
            branches = {key: _staged(steps, stage) for key, steps in work.branches.items()}
            return replace(work, branches=branches)
        case Switch():
            return replace(work, cases={k: _staged(s, stage) for k, s in work.cases.items()})


def _steady(policy: RetryPolicy) -> RetryPolicy:
    """A policy whose waits are the same each time: the longest ones that it allows."""
    return policy.model_copy(update={"jitter": False})
