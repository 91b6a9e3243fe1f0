"""How the tests of workflows went, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from minizaps.cli.output import MARKS, STYLES, console, short
from minizaps.errors import Problem
from minizaps.simulation.observed import SeenStep
from minizaps.simulation.trial import Outcome
from minizaps.simulation.verdict import duration

INDENT = 4
SHOWN = 80  # characters of an output
DIFF_STYLES = {"---": "red", "+++": "green", "@@": "cyan", "-": "red", "+": "green"}


@dataclass
class FileReport:
    """The tests of one workflow.

    Attributes:
        problems: why none of them could be run.
    """

    workflow: Path
    problems: list[Problem] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all tests passed."""
        return not self.problems and all(outcome.passed for outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": str(self.workflow),
            "problems": [str(problem) for problem in self.problems],
            "tests": [
                {"passed": o.passed, **asdict(o), "took": duration(o.took)} for o in self.outcomes
            ],
        }


def totals(reports: Sequence[FileReport]) -> dict[str, int]:
    """How many tests passed and failed, and how many files are broken: their tests cannot run."""
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    passed = sum(outcome.passed for outcome in outcomes)
    broken = sum(bool(report.problems) for report in reports)
    return {"passed": passed, "failed": len(outcomes) - passed, "broken": broken}


def print_file(report: FileReport) -> None:
    """The head of a file's tests."""
    console.print(Text(str(report.workflow), "bold"))
    for problem in report.problems:
        console.print(Text(f"  {problem}", "red"), soft_wrap=True)


def print_outcome(outcome: Outcome) -> None:
    """A line; of a test that failed also what was wrong, and what the run did."""
    status = "succeeded" if outcome.passed else "failed"
    mark = (f"  {MARKS[status]} ", STYLES[status])
    took = (f"  {duration(outcome.took)}", "dim")
    console.print(Text.assemble(mark, outcome.name, took), soft_wrap=True)
    if outcome.passed:
        return
    for problem in outcome.problems:
        console.print(Text(" " * INDENT + problem, "red"), soft_wrap=True)
    for line in outcome.diff:
        style = next((s for start, s in DIFF_STYLES.items() if line.startswith(start)), "")
        console.print(Text(" " * INDENT + line, style), soft_wrap=True)
    if outcome.steps:
        console.print(Text(" " * INDENT + "what it did:", "dim"))
        console.print(Padding(_table(outcome.steps), (0, 0, 1, INDENT), expand=False))


def print_summary(reports: Sequence[FileReport], seconds: float) -> None:
    """The last line."""
    counts = [f"{n} {what}" for what, n in totals(reports).items() if n]
    style = STYLES["succeeded" if all(r.passed for r in reports) else "failed"]
    console.print(Text(f"{', '.join(counts) or 'no tests'} in {seconds:.1f} s", style))


def _table(steps: Sequence[SeenStep]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(5):
        table.add_column(no_wrap=True)
    for step in steps:
        tries = f"{step.attempts} attempts" if step.attempts > 1 else ""
        style = STYLES.get(step.status, "")
        mark = Text(MARKS.get(step.status, "?"), style)
        took = "" if step.seconds is None else duration(step.seconds)
        table.add_row(mark, Text(step.name), Text(tries, "dim"), Text(took, "dim"), _end(step))
    return table


def _end(step: SeenStep) -> Text:
    if step.error is not None and step.status != "succeeded":
        return Text(f"{step.error['type']}: {step.error['message']}", STYLES["failed"])
    if step.output is None or step.status != "succeeded":
        return Text(step.status, STYLES.get(step.status, ""))
    return Text(short(step.output, SHOWN), "dim")
