"""The example of the documentation, and those in the folder of examples, pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minizaps.simulation.suite import load, workflow_of
from minizaps.simulation.trial import run_test
from minizaps.simulation.verdict import duration
from minizaps.simulation.virtual import World

ROOT = Path(__file__).parents[2]


async def test_the_example_of_the_page_prints_what_the_page_shows(
    world: World, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    workflow, tests, *_ = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "order.json").write_text(workflow)
    (tmp_path / "order.test.json").write_text(tests)
    loaded = load(tmp_path / "order.json", tmp_path / "order.test.json")
    outcomes = [await run_test(world, loaded, test) for test in loaded.suite.tests]
    assert [outcome for outcome in outcomes if not outcome.passed] == []
    (shown,) = re.findall(r"```text\norder.json\n(.*?)\n3 passed", page, re.DOTALL)
    printed = [f"  ✓ {outcome.name}  {duration(outcome.took)}" for outcome in outcomes]
    assert shown.splitlines() == printed


@pytest.mark.parametrize("tests", sorted((ROOT / "examples").glob("*.test.json")))
async def test_examples_pass(world: World, tests: Path) -> None:
    loaded = load(workflow_of(tests), tests)
    for test in loaded.suite.tests:
        outcome = await run_test(world, loaded, test)
        assert outcome.passed, outcome
