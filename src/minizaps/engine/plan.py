"""A definition, ready to execute: connectors found, expressions compiled. Made once a version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from minizaps.connectors.base import BaseConnector, ConnectorConfig
from minizaps.definition import steps as written
from minizaps.definition.expressions import Compiled, Template, compile_condition, compile_value
from minizaps.definition.input_schema import InputCheck, compile_schema
from minizaps.definition.problems import validation_problems
from minizaps.definition.steps import RetryPolicy
from minizaps.definition.triggers import AnyTrigger
from minizaps.definition.workflow import Definition
from minizaps.engine.limits import WorkflowLimits, limits_of
from minizaps.errors import ConnectorError, DefinitionInvalid, ExpressionError, Problem

AnyConnector = BaseConnector[Any]
ConnectorMap = Mapping[str, tuple[type[AnyConnector], type[ConnectorConfig]]]
M = TypeVar("M", bound=BaseModel)
ONCE = RetryPolicy(max_attempts=1)


@dataclass(frozen=True, slots=True)
class Task:
    """What a connector does.

    Attributes:
        timeout: seconds that an attempt may take; None for a pure step that sets none.
        until: what has to be true of the output; None where nothing has.
        secret: whether its config has fields that are not to be shown.
        credential: the name of the credential that it uses.
    """

    config: Compiled
    connector: type[AnyConnector]
    config_model: type[ConnectorConfig]
    retry: RetryPolicy
    timeout: float | None
    until: Template | None
    secret: bool
    credential: str | None

    def resolve(self, scope: Mapping[str, Any]) -> tuple[AnyConnector, dict[str, Any]]:
        """The connector with its config, computed from the run's data, and the config to show.

        Raises:
            ConnectorError: an expression failed, or the values do not fit the config.
        """
        config, raw = resolve(self.config, self.config_model, scope)
        if self.secret:
            raw = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return self.connector(config), raw

    def may_repeat(self, scope: Mapping[str, Any]) -> bool:
        """Whether an attempt that was cut off may be run again."""
        try:
            return self.connector.idempotent or self.resolve(scope)[0].may_repeat()
        except ConnectorError:
            return False


@dataclass(frozen=True, slots=True)
class Foreach:
    """Some steps for each item of a list."""

    config: Compiled
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Branches beside each other, by their ids."""

    config: Compiled
    branches: Mapping[str, tuple[PlannedStep, ...]]


@dataclass(frozen=True, slots=True)
class Switch:
    """Cases by their keys, `0`, `1` and so on, then `default`."""

    conditions: tuple[Template | None, ...]
    cases: Mapping[str, tuple[PlannedStep, ...]]


@dataclass(frozen=True, slots=True)
class Call:
    """Another workflow."""

    config: Compiled
    retry: RetryPolicy
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """A callback; `steps` run first."""

    config: Compiled
    steps: tuple[PlannedStep, ...]


Block = Foreach | Parallel | Switch | Wait
Work = Task | Call | Block


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step, ready to execute.

    Attributes:
        pattern: its path, with `[]` in place of an item's or a case's number.
        condition: its `if`; None where it always runs.
        handlers: the steps of its `on_error`.
    """

    id: str
    pattern: str
    step_type: str
    condition: Template | None
    on_error: Literal["fail", "catch"]
    handlers: tuple[PlannedStep, ...]
    work: Work

    @property
    def lanes(self) -> Iterator[tuple[PlannedStep, ...]]:
        """The sequences of steps inside it, in the order of the text."""
        match self.work:
            case Foreach(steps=steps) | Wait(steps=steps):
                yield steps
            case Parallel(branches=inner) | Switch(cases=inner):
                yield from inner.values()
        yield self.handlers

    @property
    def max_attempts(self) -> int:
        """How many attempts it may make."""
        return self.work.retry.max_attempts if isinstance(self.work, Task | Call) else 1


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a workflow, ready to execute.

    Attributes:
        timeout: seconds that a run may take.
        priority: of the project's queued runs, the highest is claimed first.
        limits: what limits when its runs may start.
        reads_clock: whether an expression may ask for the time.
        triggers: what starts its runs, by the triggers' ids.
    """

    workflow_id: str
    version: int
    name: str
    steps: tuple[PlannedStep, ...]
    on_failure: tuple[PlannedStep, ...]
    timeout: float | None
    priority: int
    limits: WorkflowLimits | None
    input_check: InputCheck | None
    reads_clock: bool
    triggers: Mapping[str, AnyTrigger]

    def all_steps(self) -> list[PlannedStep]:
        """Every step, nested ones too, in the order of the text."""
        return [*_flatten(self.steps), *_flatten(self.on_failure)]


def pattern_of(path: str) -> str:
    """The pattern of a step's path: `each[3].insert` is `each[].insert`."""
    return re.sub(r"\[\d+\]", "[]", path)


def resolve(
    compiled: Compiled, model: type[M], scope: Mapping[str, Any]
) -> tuple[M, dict[str, Any]]:
    """A config computed from the run's data: as its model, and as plain JSON.

    Raises:
        ConnectorError: an expression failed, or the values do not fit.
    """
    try:
        raw = compiled.render(scope)
    except ExpressionError as error:
        raise ConnectorError(f"{error.pointer}: {error}", type="expression") from error
    try:
        return model.model_validate(raw), raw
    except ValidationError as error:
        problems = validation_problems(error, model, raw, "/config")
        message = "the config does not fit: " + "; ".join(map(str, problems))
        raise ConnectorError(message, type="config") from None


def make_task(step: written.Step, connectors: ConnectorMap) -> Task:
    """A step that stands for itself.

    Raises:
        DefinitionInvalid: its connector is no longer installed.
    """
    return _Planner(connectors).task(step)


def _flatten(steps: tuple[PlannedStep, ...]) -> list[PlannedStep]:
    return [
        s for step in steps for s in (step, *(n for lane in step.lanes for n in _flatten(lane)))
    ]


def make_plan(
    workflow_id: str, version: int, definition: dict[str, Any], connectors: ConnectorMap
) -> Plan:
    """The plan of a stored definition.

    Raises:
        DefinitionInvalid: a connector that it uses is no longer installed.
    """
    model = Definition.model_validate(definition)
    planner = _Planner(connectors)
    return Plan(
        workflow_id=workflow_id,
        version=version,
        name=model.name,
        steps=planner.steps(model.steps, ""),
        on_failure=planner.steps(model.on_failure or [], "on_failure."),
        timeout=model.timeout,
        priority=model.priority,
        limits=limits_of(workflow_id, model),
        input_check=None if model.input_schema is None else compile_schema(model.input_schema),
        reads_clock=b"now" in orjson.dumps(definition),
        triggers={str(trigger.id): trigger for trigger in model.triggers},
    )


@dataclass(frozen=True, slots=True)
class _Planner:
    connectors: ConnectorMap

    def steps(self, steps: list[Any], prefix: str) -> tuple[PlannedStep, ...]:
        return tuple(self._step(step, prefix) for step in steps)

    def _step(self, step: Any, prefix: str) -> PlannedStep:
        pattern = f"{prefix}{step.id}"
        handlers = step.on_error.steps if not isinstance(step.on_error, str) else []
        return PlannedStep(
            id=step.id,
            pattern=pattern,
            step_type=step.type,
            condition=_condition(step.if_),
            on_error="fail" if step.on_error == "fail" else "catch",
            handlers=self.steps(handlers, f"{pattern}."),
            work=self._work(step, pattern),
        )

    def _work(self, step: Any, pattern: str) -> Work:
        match step:
            case written.Foreach():
                return Foreach(_compile(step.config), self.steps(step.steps, f"{pattern}[]."))
            case written.Parallel():
                branches = {b.id: self.steps(b.steps, f"{pattern}[{b.id}].") for b in step.branches}
                return Parallel(_compile(step.config), branches)
            case written.Switch():
                cases = {str(n): self.steps(c.steps, f"{pattern}[].") for n, c in
                         enumerate(step.cases)}  # fmt: skip
                if step.default:
                    cases["default"] = self.steps(step.default, f"{pattern}[default].")
                return Switch(tuple(_condition(case.if_) for case in step.cases), cases)
            case written.Call():
                retry = _changed(ONCE, step.retry)
                return Call(_compile(step.config), retry, step.timeout)
            case written.Wait():
                inner = self.steps(step.steps or [], f"{pattern}[ask].")
                return Wait(_compile(step.config), inner)
        return self.task(step)

    def task(self, step: written.Step) -> Task:
        if step.type not in self.connectors:
            raise DefinitionInvalid([Problem("", f"step {step.id!r}: no connector {step.type!r}")])
        declared, config_model = self.connectors[step.type]
        connector = declared.for_config(step.config)
        timeout = connector.timeout if step.timeout is None else step.timeout
        return Task(
            config=_compile(step.config),
            connector=connector,
            config_model=config_model,
            retry=_changed(connector.retry, step.retry),
            timeout=None if connector.pure and step.timeout is None else timeout,
            until=None if step.until is None else compile_condition(step.until),
            secret=_has_secrets(config_model),
            credential=step.credential,
        )


def _changed(policy: RetryPolicy, change: written.RetryChange | None) -> RetryPolicy:
    return policy.model_copy(update=change.model_dump(exclude_none=True) if change else {})


def _condition(condition: bool | str) -> Template | None:
    if condition is True:
        return None
    return compile_condition(condition if isinstance(condition, str) else "{{ false }}")


@cache
def _has_secrets(model: type[ConnectorConfig]) -> bool:
    """Whether a field is a Pydantic secret, which its schema calls write-only."""
    return b'"writeOnly":true' in orjson.dumps(model.model_json_schema())


def _compile(config: dict[str, Any]) -> Compiled:
    problems: list[Problem] = []
    compiled = compile_value(config, problems, "/config")
    if compiled is None:
        raise DefinitionInvalid(problems)
    return compiled
