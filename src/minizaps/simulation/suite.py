"""Reading a workflow with its tests, and checking that the two fit together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from minizaps.definition.problems import validation_problems
from minizaps.definition.strict_json import parse_document
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import InvalidInput, Problem
from minizaps.simulation.check import names_problems
from minizaps.simulation.written import Suite

SUFFIX = ".test.json"
Definition = dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    """A workflow with its tests.

    Attributes:
        callees: the workflows that are run when they are called, by name.
    """

    definition: Definition
    suite: Suite
    callees: dict[str, Definition] = field(default_factory=dict)


def tests_of(workflow: Path) -> Path:
    """Where a workflow's tests are: beside it, `order.test.json` for `order.json`."""
    return workflow.with_name(workflow.stem + SUFFIX)


def workflow_of(tests: Path) -> Path:
    """The workflow beside which tests stand."""
    return tests.with_name(tests.name.removesuffix(SUFFIX) + ".json")


def is_suite(path: Path) -> bool:
    """Whether a file, by its name, holds tests."""
    return path.name.endswith(SUFFIX)


def load(workflow: Path, tests: Path) -> Loaded:
    """A workflow and its tests.

    Raises:
        InvalidInput: with every problem; its pointer is after the name of the file.
    """
    definition = _definition(workflow)
    raw = _read(tests)
    try:
        suite = Suite.model_validate(raw)
    except ValidationError as error:
        raise _in(tests, validation_problems(error, Suite, raw)) from None
    callees = {}
    for index, name in enumerate(suite.workflows):
        callee = _definition(tests.with_name(name) if "/" not in name else tests.parent / name)
        if callee["name"] in callees or callee["name"] == definition["name"]:
            detail = f"the workflow {callee['name']!r} is there twice"
            raise _in(tests, [Problem(f"/workflows/{index}", detail)])
        callees[callee["name"]] = callee
    if problems := names_problems(suite, definition, callees):
        raise _in(tests, problems)
    return Loaded(definition, suite, callees)


def _definition(path: Path) -> Definition:
    raw = _read(path)
    try:
        return WorkflowEngine.check(raw)
    except InvalidInput as error:
        raise _in(path, error.problems) from None


def _read(path: Path) -> Any:
    try:
        return parse_document(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from None
    except InvalidInput as error:
        raise _in(path, error.problems) from None


def _in(path: Path, problems: Any) -> InvalidInput:
    return InvalidInput([Problem(f"{path}:{p.pointer or '/'}", p.detail) for p in problems])
