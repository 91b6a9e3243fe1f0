from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from minizaps.errors import InvalidInput
from minizaps.simulation.suite import load
from minizaps.simulation.trial import Outcome, run_test
from minizaps.simulation.virtual import World, open_world

Try = Callable[..., Awaitable[Outcome]]


def call(step_id: str = "call", **keys: Any) -> dict[str, Any]:
    """A step that would reach outside."""
    config = {"url": "http://127.0.0.1:9/", "json": keys.pop("json", None)}
    return {"id": step_id, "type": "webhook", "config": config, **keys}


def values(step_id: str = "v", **given: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "set", "config": {"values": given}}


def wait(step_id: str = "ask", **config: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "wait", "config": config}


def delay(seconds: Any) -> dict[str, Any]:
    return {"id": "pause", "type": "delay", "config": {"seconds": seconds}}


def sub(step_id: str = "sub", **config: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "workflow", "config": {"workflow": "callee", **config}}


def foreach(items: Any, *steps: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"id": "each", "type": "foreach", "config": {"items": items, **config}, "steps": steps}


def write(folder: Path, steps: Any, suite: Any, **fields: Any) -> tuple[Path, Path]:
    """A workflow's file and that of its tests."""
    workflow, tests = folder / "flow.json", folder / "flow.test.json"
    workflow.write_text(json.dumps({"name": "flow", "steps": steps, **fields}))
    tests.write_text(json.dumps(suite))
    return workflow, tests


def problems(folder: Path, steps: Any, suite: Any) -> dict[str, str]:
    """What is wrong with a test file: pointer -> detail."""
    with pytest.raises(InvalidInput) as refused:
        load(*write(folder, steps, suite))
    prefix = f"{folder / 'flow.test.json'}:"
    return {p.pointer.removeprefix(prefix): p.detail for p in refused.value.problems}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as world:
        yield world


@pytest.fixture
def outcome_of(world: World, tmp_path: Path) -> Try:
    """Run one test of a workflow of some steps."""

    async def run(*steps: Any, fields: Any = None, workflows: Any = (), **test: Any) -> Outcome:
        suite = {"workflows": list(workflows), "tests": [{"name": "it", **test}]}
        loaded = load(*write(tmp_path, steps, suite, **(fields or {})))
        return await run_test(world, loaded, loaded.suite.tests[0])

    return run


def changed(outcome: Outcome) -> list[str]:
    """The lines of a diff that were expected or found, without those around them."""
    return [line.replace(" ", "") for line in outcome.diff[2:] if line[0] in "+-"]
