"""`minizaps test`: a workflow's own tests, in virtual time and without reaching outside."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from minizaps.cli.client import Failed
from minizaps.cli.junit import junit
from minizaps.cli.output import AsJson, print_json
from minizaps.cli.verdicts import FileReport, print_file, print_outcome, print_summary, totals
from minizaps.errors import InvalidInput
from minizaps.simulation.suite import SUFFIX, is_suite, load, tests_of, workflow_of
from minizaps.simulation.trial import run_test
from minizaps.simulation.virtual import open_world


def run_tests(
    files: Annotated[
        list[Path],
        typer.Argument(help="Workflows with tests beside them, or folders of such."),
    ],
    tests: Annotated[
        Path | None, typer.Option("--tests", help="The file with the tests of the one workflow.")
    ] = None,
    word: Annotated[str, typer.Option("-k", help="Only tests with this word in their names.")] = "",
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write the results there too, as JUnit XML.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the tests of workflows: `order.test.json` holds those of `order.json`.

    The exit code is 0 if all pass. No step reaches outside, and no wait takes time.
    """
    pairs = _pairs(files, tests)
    logging.getLogger("minizaps").addHandler(logging.NullHandler())
    begun = time.perf_counter()
    reports = asyncio.run(_run(pairs, word, quiet=as_json))
    seconds = time.perf_counter() - begun
    if junit_file is not None:
        junit_file.write_bytes(junit(reports))
    if as_json:
        print_json(totals(reports) | {"files": [report.as_json() for report in reports]})
    else:
        print_summary(reports, seconds)
    if not any(report.outcomes or report.problems for report in reports):
        raise Failed(f"no test has {word!r} in its name")
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _pairs(files: list[Path], tests: Path | None) -> dict[Path, Path]:
    """Each workflow's file with that of its tests."""
    if tests is not None:
        if len(files) != 1 or files[0].is_dir():
            raise Failed("--tests goes with one workflow")
        return {files[0]: tests}
    pairs = {}
    for file in files:
        for workflow in _workflows(file):
            pairs[workflow] = tests_of(workflow)
            if not pairs[workflow].exists():
                raise Failed(f"{workflow} has no tests: there is no {pairs[workflow]}")
    return pairs


def _workflows(file: Path) -> list[Path]:
    if not file.is_dir():
        return [workflow_of(file) if is_suite(file) else file]
    found = [workflow_of(tests) for tests in sorted(file.glob(f"*{SUFFIX}"))]
    if not found:
        raise Failed(f"there are no tests in {file}: no file is named *{SUFFIX}")
    return found


async def _run(pairs: dict[Path, Path], word: str, *, quiet: bool) -> list[FileReport]:
    reports = []
    async with open_world() as world:
        for workflow, tests in pairs.items():
            report = FileReport(workflow)
            reports.append(report)
            try:
                loaded = load(workflow, tests)
            except InvalidInput as error:
                report.problems += error.problems
            if not quiet:
                print_file(report)
            if report.problems:
                continue
            for scenario in loaded.suite.tests:
                if word.lower() in scenario.name.lower():
                    report.outcomes.append(await run_test(world, loaded, scenario))
                    if not quiet:
                        print_outcome(report.outcomes[-1])
    return reports
