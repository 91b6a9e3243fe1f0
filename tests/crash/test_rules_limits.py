"""The rules of limited runs see what is wrong, and nothing where all is well."""

from __future__ import annotations

from minizaps.journal.status import Kind

from .evidence import Event, Evidence, Run
from .rules_limits import check_limits


def run(workflow: str, number: int, *, accepted: int, admitted: int | None, ended: int) -> Run:
    """A run that was admitted when it was accepted, later, or never."""
    if admitted == accepted:
        events = [Event(1, accepted, Kind.START)]
    else:
        events = [Event(1, accepted, Kind.DEFER)]
        events += [] if admitted is None else [Event(2, admitted, Kind.WAKE)]
    return Run(f"run-{number}", workflow, "succeeded", 1, ended, None, None, tuple(events))


def wrong(*runs: Run) -> list[str]:
    evidence = Evidence([], [], [], [], {run.id: run for run in runs})
    return [what for _, what in check_limits(evidence)]


def test_no_more_runs_than_allowed_are_under_way() -> None:
    first = run("counter", 1, accepted=0, admitted=0, ended=100)
    second = run("counter", 2, accepted=10, admitted=10, ended=200)
    held = run("counter", 3, accepted=20, admitted=100, ended=300)
    never = run("counter", 4, accepted=30, admitted=None, ended=40)
    assert wrong(first, second, held, never) == []
    early = run("counter", 3, accepted=20, admitted=99, ended=300)
    assert "3 runs were under way, 2 are allowed" in wrong(first, second, early)[0]


def test_no_more_runs_than_allowed_start_in_a_span() -> None:
    paced = [run("paced", n, accepted=0, admitted=n * 200, ended=5000) for n in range(10)]
    assert wrong(*paced) == []
    hasty = [run("paced", n, accepted=0, admitted=n * 199, ended=5000) for n in range(10)]
    assert "6 runs started within 995 ms, under 1000" in wrong(*hasty)[0]
