"""Checks that a test file speaks of steps that there are, and of each in the right place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from minizaps.definition.problems import suggest
from minizaps.definition.strict_json import join_pointer
from minizaps.definition.tree import walk
from minizaps.engine.calls import DEEPEST
from minizaps.engine.engine import WorkflowEngine
from minizaps.engine.plan import Call, PlannedStep, Task, Wait, make_plan, pattern_of
from minizaps.errors import Problem
from minizaps.simulation.stage import INSIDE
from minizaps.simulation.written import Answers, Expect, Mock, Mocks, Suite

Definition = dict[str, Any]
MOCK_INSIDE = "is a block: mock the steps inside it"
MOCK_ANSWER = 'is not mocked but answered: "answers"'


def names_problems(
    suite: Suite, definition: Definition, callees: Mapping[str, Definition]
) -> list[Problem]:
    """The problems of a test file's names for steps."""
    checker = _Checker(dict(_steps(definition, callees)))
    checker.mocks(suite.mocks, "/mocks")
    checker.answers(suite.answers, "/answers")
    for index, test in enumerate(suite.tests):
        here = f"/tests/{index}"
        checker.mocks(test.mocks, f"{here}/mocks")
        checker.answers(test.answers, f"{here}/answers")
        checker.expected(test.expect, f"{here}/expect")
        if test.name in [earlier.name for earlier in suite.tests[:index]]:
            checker.say(f"{here}/name", "another test has this name")
    return checker.problems


def _steps(
    definition: Definition, callees: Mapping[str, Definition], prefix: str = ""
) -> Iterator[tuple[str, PlannedStep]]:
    """Every step by its name, those of called workflows too."""
    if prefix.count(INSIDE) > DEEPEST:
        return
    called = {
        step["id"]: step["config"]["workflow"]
        for _, step in walk(definition)
        if step["type"] == "workflow"
    }
    for step in make_plan("", 1, definition, WorkflowEngine.CONNECTOR_MAP).all_steps():
        name = prefix + step.pattern
        yield name, step
        if (callee := callees.get(called.get(step.id, ""))) is not None:
            yield from _steps(callee, callees, name + INSIDE)


class _Checker:
    def __init__(self, steps: Mapping[str, PlannedStep]) -> None:
        self._steps = steps
        self.problems: list[Problem] = []

    def say(self, pointer: str, detail: str) -> None:
        self.problems.append(Problem(pointer, detail))

    def mocks(self, mocks: Mocks, pointer: str) -> None:
        for name, mock in mocks.items():
            here = join_pointer(pointer, name)
            if (step := self._step(name, here)) is None:
                continue
            if isinstance(step.work, Wait):
                self.say(here, f"a {step.step_type} step {MOCK_ANSWER}")
            elif not isinstance(step.work, Task | Call):
                self.say(here, f"a {step.step_type} step {MOCK_INSIDE}")
            for at, one in enumerate(mock) if isinstance(mock, list) else [("", mock)]:
                place = here if at == "" else f"{here}/{at}"
                self._mock(step, one, place)

    def _mock(self, step: PlannedStep, mock: Mock, pointer: str) -> None:
        if isinstance(step.work, Task) and isinstance(mock.output, list):
            self.say(f"{pointer}/output", "a step's output is an object")

    def answers(self, answers: Answers, pointer: str) -> None:
        for name in answers:
            here = join_pointer(pointer, name)
            step = self._step(name, here, wanted=Wait)
            if step is not None and not isinstance(step.work, Wait):
                self.say(here, f"a {step.step_type} step waits for no answer")

    def expected(self, expect: Expect, pointer: str) -> None:
        for key in ("steps", "calls"):
            for name in getattr(expect, key):
                self._step(name, join_pointer(f"{pointer}/{key}", name))
        for key in ("order", "never"):
            for index, name in enumerate(getattr(expect, key)):
                self._step(name, f"{pointer}/{key}/{index}")

    def _step(self, name: str, pointer: str, wanted: Any = object) -> PlannedStep | None:
        step = self._steps.get(pattern_of(name))
        if step is None:
            known = [n for n, s in self._steps.items() if isinstance(s.work, wanted)]
            hint = suggest(name, known)
            if not hint and len(known) <= 20:
                hint = f": known are {', '.join(known)}" if known else ""
            self.say(pointer, f"there is no step {name!r}{hint}")
        return step
