"""A definition, ready to execute: connectors found, expressions compiled. Made once a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import orjson
from pydantic import ValidationError

from minizaps.connectors.base import BaseConnector, ConnectorConfig
from minizaps.definition.expressions import Compiled, Template, compile_condition, compile_value
from minizaps.definition.input_schema import InputCheck, compile_schema
from minizaps.definition.problems import validation_problems
from minizaps.definition.workflow import Definition, RetryPolicy, Step
from minizaps.errors import ConnectorError, DefinitionInvalid, Problem

AnyConnector = BaseConnector[Any]
ConnectorMap = Mapping[str, tuple[type[AnyConnector], type[ConnectorConfig]]]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step, ready to execute.

    Attributes:
        path: its address in the run.
        timeout: seconds that an attempt may take; None for a pure step that sets none.
        handles: the path of the failed step, for a step of its `on_error`.
        condition: its `if`; None where it always runs.
        handlers: the steps of its `on_error`.
        secret: whether its config has fields that are not to be shown.
    """

    id: str
    path: str
    step_type: str
    handles: str | None
    condition: Template | None
    config: Compiled
    connector: type[AnyConnector]
    config_model: type[ConnectorConfig]
    retry: RetryPolicy
    timeout: float | None
    on_error: Literal["fail", "catch"]
    handlers: tuple[PlannedStep, ...]
    secret: bool

    def resolve(self, scope: Mapping[str, Any]) -> tuple[AnyConnector, dict[str, Any]]:
        """The connector with its config, computed from the run's data, and the config to show.

        Raises:
            ExpressionError: an expression failed.
            ConnectorError: the values do not fit the config.
        """
        raw = self.config.render(scope)
        try:
            config = self.config_model.model_validate(raw)
        except ValidationError as error:
            problems = validation_problems(error, self.config_model, raw, "/config")
            raise ConnectorError(
                "the config does not fit: " + "; ".join(map(str, problems)), type="config"
            ) from None
        if self.secret:
            raw = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return self.connector(config), raw


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a workflow, ready to execute.

    Attributes:
        reads_clock: whether an expression may call `now()`.
    """

    workflow_id: str
    version: int
    name: str
    steps: tuple[PlannedStep, ...]
    timeout: float | None
    priority: int
    input_check: InputCheck | None
    reads_clock: bool

    def all_steps(self) -> list[PlannedStep]:
        """Every step, nested ones too, in the order of the text."""
        return list(_flatten(self.steps))


def _flatten(steps: tuple[PlannedStep, ...]) -> list[PlannedStep]:
    return [s for step in steps for s in (step, *_flatten(step.handlers))]


def make_plan(
    workflow_id: str, version: int, definition: dict[str, Any], connectors: ConnectorMap
) -> Plan:
    """The plan of a stored definition.

    Raises:
        DefinitionInvalid: a connector that it uses is no longer installed.
    """
    model = Definition.model_validate(definition)
    return Plan(
        workflow_id=workflow_id,
        version=version,
        name=model.name,
        steps=_plan_steps(model.steps, "", None, connectors),
        timeout=model.timeout,
        priority=model.priority,
        input_check=None if model.input_schema is None else compile_schema(model.input_schema),
        reads_clock=b"now" in orjson.dumps(definition),
    )


def _plan_steps(
    steps: list[Step], prefix: str, handles: str | None, connectors: ConnectorMap
) -> tuple[PlannedStep, ...]:
    return tuple(_plan_step(step, prefix, handles, connectors) for step in steps)


def _plan_step(
    step: Step, prefix: str, handles: str | None, connectors: ConnectorMap
) -> PlannedStep:
    if step.type not in connectors or step.id is None:
        raise DefinitionInvalid([Problem("", f"step {step.id!r}: no connector {step.type!r}")])
    connector, config_model = connectors[step.type]
    path = f"{prefix}{step.id}"
    handlers = step.on_error.steps if not isinstance(step.on_error, str) else []
    condition = str(step.if_) if isinstance(step.if_, str) else "{{ false }}"
    overrides = step.retry.model_dump(exclude_none=True) if step.retry else {}
    return PlannedStep(
        id=step.id,
        path=path,
        step_type=step.type,
        handles=handles,
        condition=None if step.if_ is True else compile_condition(condition),
        config=_compile(step.config),
        connector=connector,
        config_model=config_model,
        retry=connector.retry.model_copy(update=overrides),
        timeout=None if connector.pure and step.timeout is None else _timeout(step, connector),
        on_error="fail" if step.on_error == "fail" else "catch",
        handlers=_plan_steps(handlers, f"{path}.", path, connectors),
        secret=_has_secrets(config_model),
    )


def _timeout(step: Step, connector: type[AnyConnector]) -> float:
    return connector.timeout if step.timeout is None else step.timeout


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
