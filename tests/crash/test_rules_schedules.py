"""The rule of schedules sees what is wrong, and nothing where all is well."""

from __future__ import annotations

from minizaps.clock import to_text
from minizaps.journal.status import Kind

from .evidence import Event, Evidence, Run
from .rules_schedules import check_schedules


def run(number: int, at: int, *, started: int | None = None) -> Run:
    """A run for a time."""
    body = {"token": "tick", "delay": 0, "scheduled_at": to_text(at)}
    data = {"trigger": {"id": "tick", "type": "schedule", "body": body}}
    start = Event(1, at if started is None else started, Kind.START, data=data)
    return Run(f"run-{number}", "ticker", "succeeded", 1, at, None, None, (start,))


def wrong(*runs: Run) -> list[str]:
    evidence = Evidence([], [], [], [], {run.id: run for run in runs})
    return [what for _, what in check_schedules(evidence)]


def test_each_time_has_one_run() -> None:
    assert wrong(run(1, 1000), run(2, 2000, started=2900), run(3, 3000)) == []
    assert wrong(run(1, 1000), run(2, 3000)) == ["no run for the time 2000"]
    assert wrong(run(1, 1000), run(2, 1000)) == ["2 runs for the time 1000"]
    assert wrong(run(1, 1000, started=999)) == ["it was started before its time"]
