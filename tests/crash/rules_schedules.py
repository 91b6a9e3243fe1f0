"""What must hold between the runs that schedules have started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from minizaps.clock import to_ms

from .evidence import Evidence, Run
from .workflows import SPECS


def is_scheduled(run: Run) -> bool:
    """Whether a schedule has started a run."""
    return bool(run.events) and run.events[0].data.get("trigger", {}).get("type") == "schedule"


def check_schedules(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Workflows, with what is wrong there: each time has one run, from the first to the last."""
    scheduled = [run for run in evidence.runs.values() if is_scheduled(run)]
    for spec in SPECS.values():
        if (every := spec.schedule.get("every")) is None:
            continue
        runs = [run for run in scheduled if run.workflow == spec.name]
        times = Counter(_scheduled_at(run) for run in runs if run.replay_of is None)
        for time, count in times.items():
            if count > 1:
                yield spec.name, f"{count} runs for the time {time}"
        for time in range(min(times, default=0), max(times, default=0), round(every * 1000)):
            if time not in times:
                yield spec.name, f"no run for the time {time}"
        for run in runs:
            if run.events[0].at < _scheduled_at(run) - evidence.slack:
                yield run.id, "it was started before its time"


def _scheduled_at(run: Run) -> int:
    body = run.events[0].data["trigger"]["body"]
    return to_ms(datetime.fromisoformat(body["scheduled_at"]))
