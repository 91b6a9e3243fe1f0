"""What is counted and timed, for Prometheus."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from prometheus_client import Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]
M = TypeVar("M", Counter, Histogram)

RUNS_STARTED = Counter("minizaps_runs_started", "Runs accepted.", ["trigger"])
RUNS_ENDED = Counter("minizaps_runs_ended", "Runs ended in this process.", ["status"])
RETRIES = Counter("minizaps_retries", "Failed attempts that will be tried again.", ["type"])
RUNS_CLAIMED = Counter(
    "minizaps_runs_claimed",
    "Runs that this worker took, by how it found them: at their start, told by the journal or "
    "by the broker, or in the sweep over what the broker had not told of.",
    ["found"],
)
RUNS_LOST = Counter("minizaps_leases_lost", "Runs dropped because the lease was lost.")
STEP_SECONDS = Histogram(
    "minizaps_step_duration_seconds",
    "How long attempts took.",
    ["type"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60),
)
COMMIT_OPERATIONS = Histogram(
    "minizaps_commit_operations",
    "Operations that shared one transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
SCHEDULE_LATENESS = Histogram(
    "minizaps_schedule_lateness_seconds",
    "How long after its time a schedule's run was started.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 60, 3600, 86400),
)
SCHEDULE_MISSED = Counter(
    "minizaps_schedule_missed", "Times of schedules that started no run, by the policy `misfire`."
)
TRIGGER_FAILURES = Counter(
    "minizaps_trigger_failures", "Times at which a trigger could not start runs.", ["trigger"]
)
QUEUE_MESSAGES = Counter(
    "minizaps_queue_messages",
    "Messages of the triggers `queue`: taken, known from before, refused.",
    ["outcome"],
)
BROKER_PUBLISHED = Counter(
    "minizaps_broker_published", "Run ids for the broker: confirmed, failed, dropped.", ["outcome"]
)
BROKER_DELIVERIES = Counter(
    "minizaps_broker_deliveries", "Messages of the broker: taken, refused, garbage.", ["outcome"]
)


@cache
def labelled(metric: M, value: str) -> M:
    """The child of a metric with one label, found once."""
    return metric.labels(value)
