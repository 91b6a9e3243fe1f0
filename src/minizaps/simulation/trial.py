"""Running a workflow's tests, one after the other, in one installation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import count
from typing import Any

import orjson

from minizaps.clock import to_ms
from minizaps.errors import InvalidInput
from minizaps.journal.records import NewRun
from minizaps.simulation.observed import Seen, SeenStep, look
from minizaps.simulation.stage import Stage
from minizaps.simulation.suite import Loaded
from minizaps.simulation.verdict import judge
from minizaps.simulation.virtual import BY, TookTooLong, World
from minizaps.simulation.written import Scenario

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test went.

    Attributes:
        took: seconds of virtual time.
        seconds: of real time.
        problems: what is wrong beside what the diff shows.
        diff: the lines of a unified diff of what was expected and what was found.
        steps: what the run did.
    """

    name: str
    took: float
    seconds: float
    problems: list[str] = field(default_factory=list)
    diff: list[str] = field(default_factory=list)
    steps: list[SeenStep] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not (self.problems or self.diff)


async def run_test(world: World, loaded: Loaded, test: Scenario) -> Outcome:
    """Run one test, in a project of its own, so that no other test's runs are in its way."""
    begun = time.perf_counter()
    suite = loaded.suite
    mocks, answers = suite.mocks | test.mocks, suite.answers | test.answers
    stage = Stage(world.clock, mocks, answers, loaded.callees)
    world.clock.move_to(to_ms(test.now or suite.now))
    world.engine.enter(stage)
    project = (await world.app.access.create_project(f"test {next(_numbers)}")).id
    problems: list[str] = []
    try:
        new = await _prepare(world, loaded, test, project)
        await world.play(new, stage)
        seen = await look(world.app, stage.prefixes)
    except InvalidInput as error:
        details = "; ".join(map(str, error.problems))
        seen = Seen("refused", error={"type": "invalid_input", "message": details})
    except TookTooLong as error:
        seen, problems = Seen("running"), [str(error)]
    finally:
        await world.clear(project)
    problems += stage.refusals or _endless(seen)
    diff = [] if problems else _diff(test, seen)
    spent = time.perf_counter() - begun
    return Outcome(test.name, seen.took, spent, problems, diff, seen.steps)


async def _prepare(world: World, loaded: Loaded, test: Scenario, project: str) -> NewRun:
    catalog = world.app.catalog
    for callee in loaded.callees.values():
        await catalog.create(project, callee, active=True, by=BY)
    workflow = await catalog.create(project, loaded.definition, active=True, by=BY)
    trigger = _trigger(loaded.definition, test)
    return await world.app.engine.prepare(project, workflow.id, workflow.version, trigger)


def _trigger(definition: dict[str, Any], test: Scenario) -> dict[str, Any]:
    """The root `trigger`."""
    start = test.trigger
    if start is None:
        named = {"id": "manual", "type": "manual"}
        return {**named, "body": test.input, "headers": {}, "query": {}}
    ids = (t["id"] for t in definition.get("triggers", []) if t["type"] == start.type)
    return {
        "id": start.id or next(ids, start.type),
        "type": start.type,
        "body": start.body,
        "headers": start.headers,
        "query": start.query,
    }


def _endless(seen: Seen) -> list[str]:
    """What is to be said of a run that has not ended."""
    if seen.status != "waiting":
        return []
    waiting = [step for step in seen.steps if step.status == "waiting"]
    asking = [step.name for step in waiting if step.type == "wait"]
    names = ", ".join(asking or [step.name for step in waiting])
    if not asking:
        return [f"the run waits for ever at {names}"]
    answer = f'"answers": {{"{asking[0]}": {{...}}}}'
    return [f"the run waits for ever at {names}: nobody answers, and it has no timeout: {answer}"]


def _diff(test: Scenario, seen: Seen) -> list[str]:
    verdict = judge(test.expect, seen)
    if verdict.passed:
        return []
    return list(_lines(verdict.expected, verdict.found))


def _lines(expected: Any, found: Any) -> Iterator[str]:
    yield from unified_diff(_pretty(expected), _pretty(found), "expected", "found", lineterm="")


def _pretty(value: Any) -> list[str]:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode().split("\n")
