"""Definitions for the checks."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.definition.check import check_definition
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import DefinitionInvalid

MODELS = {kind: model for kind, (_, model) in WorkflowEngine.CONNECTOR_MAP.items()}


def step(**keys: Any) -> dict[str, Any]:
    """A step that sets a value, with these keys beside its own."""
    return {"type": "set", "config": {"values": {"a": 1}}, **keys}


def flow(*steps: Any, **keys: Any) -> dict[str, Any]:
    """A definition of these steps, one if none are given."""
    return {"name": "flow", "steps": list(steps) or [step()], **keys}


def check(raw: Any) -> dict[str, Any]:
    """The definition as it is stored."""
    return check_definition(raw, MODELS)


def problems(raw: Any) -> dict[str, str]:
    """What the check says at which pointer."""
    with pytest.raises(DefinitionInvalid) as caught:
        check(raw)
    found: dict[str, str] = {}
    for problem in caught.value.problems:
        before = found.get(problem.pointer)
        found[problem.pointer] = f"{before}; {problem.detail}" if before else problem.detail
    return found
